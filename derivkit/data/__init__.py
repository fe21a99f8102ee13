"""Derivatives of measured data: samples with noise, at irregular times, with gaps, corners and jumps."""
