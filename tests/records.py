"""The signals of conf/signals, and what a derivative of their samples is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

import derivkit as dk
from derivkit.testing.sampling import beside_breaks
from derivkit.testing.signals import Sampled, Signal
from derivkit.types import Mask

FOLDER = Path(__file__).resolve().parents[1] / "conf/signals"
SIGNALS = {
    path.stem: [Signal(name=name, **row) for name, row in yaml.safe_load(path.read_text(encoding="utf-8")).items()]
    for path in sorted(FOLDER.glob("*.yaml"))
}


def away(signal: Signal, sampled: Sampled) -> Mask:
    """The samples that are not beside a corner or a jump."""
    return np.asarray(~beside_breaks(signal, sampled))


def covered(sampled: Sampled, result: dk.SampledDerivative) -> Mask:
    """Where the interval holds the truth."""
    return np.asarray(np.abs(result.value - sampled.slope) <= result.error)
