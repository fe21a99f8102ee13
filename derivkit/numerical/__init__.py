"""Numerical differentiation: formulas as values, and their application to functions."""
