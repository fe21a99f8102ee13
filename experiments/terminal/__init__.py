"""What a command reads from and writes to the terminal, and its exit status."""
