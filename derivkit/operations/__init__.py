"""The table of operations, one row each, and what they do to numbers, balls and truncated series."""
