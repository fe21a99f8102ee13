"""Analytical knowledge of expressions: parsing, trusted values, derivatives and their bounds."""
