"""THE table of methods with error bars, whole: each enters it where it is defined, and is imported here for that."""

from derivkit.numerical import adaptive, complex_step, extrapolation
from derivkit.numerical.methods import METHODS, Method
from derivkit.numerical.step_rules import (
    brodtkorb,
    curtis_reid,
    dumontet_vignes,
    gill_murray_saunders_wright,
    grids,
    shi_xie_xuan_nocedal,
    stepleman_winarsky,
    thumb,
)

__all__ = [
    "METHODS",
    "Method",
    "adaptive",
    "brodtkorb",
    "complex_step",
    "curtis_reid",
    "dumontet_vignes",
    "extrapolation",
    "gill_murray_saunders_wright",
    "grids",
    "shi_xie_xuan_nocedal",
    "stepleman_winarsky",
    "thumb",
]
