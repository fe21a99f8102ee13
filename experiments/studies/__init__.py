"""Studies: each module holds Config, its tables and measure, and may hold conclude, tell and advise."""
