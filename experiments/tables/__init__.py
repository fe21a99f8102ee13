"""Tables of a run: written, hashed and read."""
