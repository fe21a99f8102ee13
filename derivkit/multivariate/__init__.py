"""Derivatives of functions of many variables."""
