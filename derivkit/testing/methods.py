"""THE table of methods with error bars, whole: each enters it where it is defined, and is imported here for that."""

from derivkit.numerical import adaptive, complex_step, extrapolation
from derivkit.numerical.methods import METHODS, Method

__all__ = ["METHODS", "Method", "adaptive", "complex_step", "extrapolation"]
