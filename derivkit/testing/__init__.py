"""Populations of functions by which error bars are judged."""
