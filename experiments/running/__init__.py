"""A run: what will be computed, its record, its jobs, and how it is finished, found again and trusted."""
