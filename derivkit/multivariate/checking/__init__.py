"""Whether a gradient is that of its function: in which entries it is wrong, by how much, and what would be noticed."""
