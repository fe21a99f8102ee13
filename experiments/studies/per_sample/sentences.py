"""What the study of single samples says of the rows of one network with one origin of its samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from experiments.study import Frame
from experiments.words import number, part_of, percent

FAR = 3.0
"""Standard errors beyond which a measurement is said to be off the law: one in 370 is, by chance."""


def when(steps: int) -> str:
    """A number of steps in words."""
    return "at the start" if steps == 0 else f"after {steps} step{'s' if steps > 1 else ''}"


class Group(NamedTuple):
    """The rows of the tables that belong to one network and one origin of its samples."""

    who: str
    tables: Mapping[str, Frame]


def through(rows: Frame, name: str, show: Callable[[Any], str] = str) -> str:
    """The values of a column at every stage: "a at the start, b after 10 steps"."""
    return ", ".join(f"{show(value)} {when(steps)}" for value, steps in zip(rows[name], rows["steps"], strict=True))


def of_pulls(group: Group) -> Iterator[str]:
    """How many samples pull against the mean."""
    for weight, rows in group.tables["weights"].groupby("weight", sort=False):
        last = rows.iloc[-1]
        silent = f"; {percent(last['silent'])} do not pull at all {when(last['steps'])}" if last["silent"] else ""
        outvoted = (rows["against"] > 0.5).any()
        yield (
            f"{group.who}, {weight}: the share of samples that pull against the mean is"
            f" {through(rows, 'against', percent)}{silent}."
            f"{' Where it is more than half, the fewer win as they pull harder.' if outvoted else ''}"
        )


def of_strength(group: Group) -> Iterator[str]:
    """How few samples do half of the pulling."""
    count = group.tables["summary"]["samples"].iloc[0]
    for weight, rows in group.tables["weights"].groupby("weight", sort=False):
        yield (
            f"{group.who}, {weight}: of {count} samples half of the pulling is done by {through(rows, 'half')}."
            f"{of_strongest(rows.iloc[0])}"
        )


def of_strongest(row: Any) -> str:
    """The label and the sample that pull most."""
    if not row["size"]:
        return ""
    return (
        f" {when(row['steps']).capitalize()} the samples of label {row['label']} do"
        f" {percent(row['label_share'])} of it, and the strongest alone, sample {row['sample']} with label"
        f" {row['sample_label']} and a loss of {number(row['sample_loss'])}, {percent(row['sample_share'])}."
    )


def of_norms(group: Group) -> Iterator[str]:
    """How norms go with losses."""
    rows, table = group.tables["summary"], group.tables["table"]
    yield (
        f"{group.who}: the rank correlation of loss and norm is {through(rows, 'rank', '{:.2f}'.format)}. Of"
        f" {rows['samples'].iloc[0]} samples half of the sum of the norms is made by {through(rows, 'half')}."
    )
    bounded = table[table["least"] > 0.0]
    if len(bounded):
        ratio = (bounded["norm"] / bounded["least"]).min()
        yield f"The norms are at least {number(ratio, 3)} times the least that the loss allows."


def of_cosines(group: Group) -> Iterator[str]:
    """How far the samples agree."""
    rows = group.tables["summary"]
    yield (
        f"{group.who}: the median cosine is {through(rows, 'cosine', '{:.2f}'.format)}; the share of samples at more"
        f" than 90 degrees to the mean is {through(rows, 'away', percent)}."
    )


def of_signal(group: Group) -> Iterator[str]:
    """In how many parameters they agree."""
    stages = []
    for steps, rows in group.tables["layers"].groupby("steps", sort=False):
        shares = ", ".join(f"{percent(row.beyond)} in {row.layer}" for row in rows.itertuples())
        stages.append(f"{shares} {when(int(steps))}")
    yield f"{group.who}: the share of parameters beyond two standard errors is {'; '.join(stages)}."


def of_noise(group: Group) -> Iterator[str]:
    """How the errors of batches fall."""
    for drawing, rows in group.tables["slopes"].groupby("drawing", sort=False):
        known = rows[rows["slope"] < 0.0]
        if len(known):
            slopes = [f"{row.slope:.3f} ± {row.uncertainty:.3f}" for row in known.itertuples()]
            yield f"{group.who}, {drawing}: the slope is {through(known.assign(slope=slopes), 'slope')}."


SHOWN: Mapping[str, Callable[[Group], Iterator[str]]] = {
    "pulls": of_pulls,
    "together": of_strength,
    "norms": of_norms,
    "cosines": of_cosines,
    "signal": of_signal,
    "noise": of_noise,
}
"""What each figure shows of a network, in words."""


def of_agreement(group: Group) -> Iterator[str]:
    """How far the witnesses agree."""
    rows = group.tables["agreement"]
    worst, last, crossed = rows.max(numeric_only=True), rows.iloc[-1], rows["crossed"].sum()
    apart = f", apart from {crossed} samples of a parameter at which a unit opens or shuts" if crossed else ""
    yield (
        f"{group.who}: the mean of the samples' gradients is backprop's to {number(worst['backprop'])}, their norms are"
        f" the same to {number(worst['unbuilt'])} without building them, and brute force finds the gradients of all"
        f" samples in {last['moved']} parameters to {number(worst['jacobian'])}{apart}. It makes {last['passes']}"
        f" forward passes for them, and {last['passes_of_mean']} for their mean alone."
    )


def of_training(group: Group) -> Iterator[str]:
    """How training goes."""
    rows = group.tables["summary"]
    yield (
        f"{group.who}: the loss is {through(rows, 'loss', three)}, and the norm of the gradient"
        f" {through(rows, 'gradient', three)}. The noise scale, the batch whose error is as large as the gradient"
        f" itself, is {through(rows, 'noise_scale', three)}."
    )


def of_law(group: Group) -> Iterator[str]:
    """Whether batches keep the law."""
    rows = group.tables["noise"].dropna(subset="deviation")
    if len(rows):
        away = rows["deviation"].abs()
        far = rows.loc[away.idxmax()]
        off = int((away > FAR).sum())
        yield (
            f"{group.who}: {part_of(off, len(rows), 'mean squared error')} of batches {'is' if off < 2 else 'are'} more"
            f" than {FAR:g} standard errors off the law; the farthest, {number(away.max())}, is that of batches of"
            f" {far['batch']} {far['drawing']} {when(far['steps'])}."
        )


def three(value: float) -> str:
    """A number in three digits."""
    return number(value, 3)
