"""Runs compared: joined row by row, what differs found, told in a table, a figure, a page and the terminal."""
