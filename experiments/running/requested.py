"""The figures that a configuration requests, by name: one block draws one, or with ``each`` one for every case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.files import fault_of_name
from experiments.messages import ConfigurationError, show

Spec = Mapping[str, Any]


def figures_of(chosen: object) -> dict[str, Spec]:
    """Return what to draw for every figure, from the part ``figures`` of a configuration.

    ``each: {case: [kink, jump]}`` stands for the figures `kink` and `jump`, of the rows that have these in column
    `case`; a block of the name of a case, `kink: {panels: 2}`, changes that one. A figure that is null is left out.

    Raises
    ------
    ConfigurationError
        With one line, if there is something else than figures, or a name that no file can have.
    """
    if not isinstance(chosen, Mapping):
        raise ConfigurationError(
            f"figures={show(chosen)}: no settings; write figures.formats=[svg] or figures.draw=null"
        )
    draw = chosen.get("draw") or {}
    if not isinstance(draw, Mapping):
        raise ConfigurationError(f"figures.draw={show(draw)}: no figures; write figures.draw=null for none")
    found: dict[str, Spec] = {}
    blocks: dict[str, str] = {}
    for name, spec in draw.items():
        if not isinstance(spec, Mapping | None):
            raise ConfigurationError(
                f"figures.draw.{name}={show(spec)}: no figure; write figures.draw.{name}=null to leave it out"
            )
        for one, written in _cases(str(name), spec or {}):
            fault = fault_of_name(one)
            if fault:
                raise ConfigurationError(f"figures.draw.{show(one)}: a figure's file is named so, and this {fault}")
            if one != name and blocks.setdefault(one, name) != name:
                raise ConfigurationError(
                    f"figures.draw.{name}.each: {blocks[one]} draws a figure {show(one)} too; two have one name"
                )
            found[one] = _changed(found.get(one, {}), written)
    return {name: spec for name, spec in found.items() if spec and draw.get(name, spec) is not None}


def with_keys(configuration: Mapping[str, Any], chosen: object) -> Mapping[str, Any]:
    """Return a configuration with every key of its figures that a command line may change.

    These are all that a kind of figure knows: a preset need not hold what the columns of a table say, and of a figure
    that is a case of ``each`` it holds no block.

    Parameters
    ----------
    configuration
        What was composed.
    chosen
        Its part ``figures``, resolved.

    Raises
    ------
    ConfigurationError
        As of ``figures_of``.
    """
    from experiments import figures  # noqa: PLC0415 - matplotlib, and only who changes a figure pays for it

    requested = figures_of(chosen)
    part = chosen if isinstance(chosen, Mapping) else {}
    draw = {**(part.get("draw") or {}), **requested}
    keys = dict.fromkeys((*figures.KEYS, "each"))
    known = {name: {**keys, **spec} if isinstance(spec, Mapping) else spec for name, spec in draw.items()}
    return {**configuration, "figures": {**part, "draw": known}}


def _changed(spec: Spec, changes: Spec) -> Spec:
    """Return a mapping with others of its values, those of mappings within it too."""
    changed = dict(spec)
    for key, value in changes.items():
        before = spec.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            changed[key] = _changed(before, value)
        else:
            changed[key] = value
    return changed


def _cases(name: str, spec: Spec) -> Iterator[tuple[str, Spec]]:
    """The figures that a block stands for."""
    each = spec.get("each")
    if each is None:
        yield name, spec
        return
    values = list(each.values()) if isinstance(each, Mapping) else []
    if len(values) != 1 or not isinstance(values[0], list) or not values[0]:
        raise ConfigurationError(
            f"figures.draw.{name}.each={show(each)}: no cases; write a column and its values, each: {{case: [a, b]}}"
        )
    ((column, values),) = each.items()
    rest = {key: value for key, value in spec.items() if key != "each"}
    for value in values:
        yield str(value), {**rest, "where": {**(spec.get("where") or {}), column: value}}
