"""Automatic differentiation: dual numbers that go through NumPy."""
