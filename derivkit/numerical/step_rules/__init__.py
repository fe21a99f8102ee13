"""Rules of the literature that choose the step of a difference: each is its paper's algorithm for one point."""
