"""Functions of many variables: partial derivatives, and the gradients of networks by brute force and by backprop."""
