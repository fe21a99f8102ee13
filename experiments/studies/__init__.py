"""Studies: each module holds Config, TABLES and run, and may hold conclude."""
