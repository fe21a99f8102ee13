"""The signals of conf/signals, and what a derivative of their samples is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

import derivkit as dk
from derivkit.testing.signals import Sampled, Signal
from derivkit.types import Mask

FOLDER = Path(__file__).resolve().parents[1] / "conf/signals"
SIGNALS = {
    path.stem: [Signal(name=name, **row) for name, row in yaml.safe_load(path.read_text(encoding="utf-8")).items()]
    for path in sorted(FOLDER.glob("*.yaml"))
}
BROKEN_MODEL = ("outliers", "heteroscedastic", "autocorrelated")
"""Kinds of noise that the model knows nothing of."""


def away(signal: Signal, sampled: Sampled) -> Mask:
    """The samples that are not beside a corner or a jump."""
    spacing = float(np.median(np.diff(sampled.t)))
    far = [np.abs(sampled.t - t) > 1.5 * spacing for t in signal.breaks]
    return np.asarray(np.all([np.isfinite(sampled.slope), *far], axis=0))


def covered(sampled: Sampled, result: dk.SampledDerivative) -> Mask:
    """Where the interval holds the truth."""
    return np.asarray(np.abs(result.value - sampled.slope) <= result.error)
