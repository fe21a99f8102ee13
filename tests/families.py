"""The population of functions as the tests build it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from omegaconf import OmegaConf

from derivkit.testing.population import Family
from experiments.running.settings import build

CONF = Path(__file__).resolve().parents[1] / "conf/population"
FILES = ("tuning", "held_out", "no_derivative", "edges", "noisy", "near_breaks", "near_breaks_held_out")


@dataclass(frozen=True, kw_only=True)
class Study:
    """A Config of nothing but a population."""

    population: tuple[Family, ...]


def built(rows: dict[str, Any]) -> tuple[Family, ...]:
    study = ModuleType("study")
    vars(study)["Config"] = Study
    found = build(study, {"population": rows})
    assert isinstance(found, Study)
    return found.population


def rows(name: str) -> dict[str, Any]:
    plain = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    assert isinstance(plain, dict)
    return plain  # type: ignore[return-value]  # keys are names


POPULATION = {name: built(rows(name)) for name in FILES}
