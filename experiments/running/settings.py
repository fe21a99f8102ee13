"""Plain dicts become a study's Config, or one line says what is wrong and what to write instead.

A study's Config is a frozen dataclass. Each of its fields is fed by the configuration key of the same name;
``FIELD_KEYS`` lists the fields that several keys feed together, ``CONVERTERS`` says how the fields that mean
mathematics are read, and ``BY_TYPE`` reads all others by their annotation. A key that feeds none is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, TypeVar, get_type_hints

import numpy as np

import derivkit as dk
from derivkit import testing
from experiments import calls
from experiments.files import fault_of_name
from experiments.messages import ConfigurationError, line_of, located, nearest, show
from experiments.running import catalog, digits, grids, modules
from experiments.running.grids import deltas, number, numbers
from experiments.running.spelling import elements
from experiments.study import Study
from experiments.tables import datafiles

T = TypeVar("T")
FIELD_KEYS = {
    "function": ("function", "expression", "implicit", "python", "domain", "x"),
    "subject": ("expression", "implicit", "x"),
    "expression": ("expression", "implicit"),
    "file": ("data", "t", "y"),
    "files": ("answers",),
}
FUNCTION_KEYS = ("expression", "black_box", "python", "points", "domain", "reason", "source")
FORMULA_KEYS = ("offsets", "order", "reason", "source")
TOOL_KEYS = ("call", "source", "install", "seconds", "bar", "interpreter", "settings")
NETWORK_KEYS = ("sizes", "activation", "activations", "loss", "l1", "l2", "reason")
FAMILY_KEYS = (
    *("category", "expression", "program", "points", "draws", "domain", "statuses", "noise", "derivative", "slack"),
    *("around", "derivatives", "at_break", "reason"),
)
SIGNAL_KEYS = tuple(field.name for field in fields(testing.Signal) if field.name != "name")
DERIVATIVES = (1, 2, 3, 4)
TYPED = "typed by hand"
MAX_POINTS_REMEMBERED = 250
"""Most points of a function of which values are remembered: 100,000 values, and ten times as many bytes, by a budget of
400."""
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
"""How a date begins, and no number that anybody computes."""


def build(study: Study, plain: Mapping[str, object]) -> Any:
    """Return the study's Config made from a resolved configuration.

    Parameters
    ----------
    study
        A module of ``experiments.studies``.
    plain
        The job's configuration as plain dicts, lists and scalars, without the pipeline's own keys.

    Raises
    ------
    ConfigurationError
        With one line, when a key is unknown or missing or a value breaks its rule.
    """
    known = fields(study.Config)
    allowed = [key for field in known for key in keys_of(field.name)]
    for key in plain:
        if key not in allowed:
            raise ConfigurationError(f"this study {catalog.lacks(key, allowed)}")
    hints = get_type_hints(study.Config)
    values = {field.name: _convert(field, hints[field.name], plain) for field in known if _is_set(field, plain)}
    try:
        return study.Config(**values)
    except ValueError as error:
        raise ConfigurationError(line_of(error)) from error


def keys_of(field: str) -> tuple[str, ...]:
    """Return the configuration keys that feed a field."""
    return FIELD_KEYS.get(field, (field,))


def _is_set(field: Field[Any], plain: Mapping[str, object]) -> bool:
    is_set = any(key in plain for key in keys_of(field.name))
    if not is_set and field.default is MISSING and field.default_factory is MISSING:
        raise ConfigurationError(f"this study needs the key {field.name!r}")
    return is_set


def _convert(field: Field[Any], hint: object, plain: Mapping[str, object]) -> object:
    if field.name in CONVERTERS:
        value = CONVERTERS[field.name](plain)
        if isinstance(value, grids.Grid) and hint == tuple[float, ...]:
            raise ConfigurationError(
                f"{field.name}={value}: this study takes up to {grids.MAX_LISTED:,} of them; write fewer"
            )
        return value
    return BY_TYPE[hint](field.name, plain[field.name])


def _derivative(plain: Mapping[str, object]) -> int:
    value = plain.get("derivative", 1)
    if isinstance(value, bool) or value not in DERIVATIVES or not isinstance(value, int):
        raise ConfigurationError(f"derivative={show(value)}: the order is 1, 2, 3 or 4; write derivative=2")
    return value


# Formulas and methods with error bars


def _methods(plain: Mapping[str, object]) -> tuple[str, ...]:
    derivative = _derivative(plain)

    def formula(name: str, spec: Mapping[str, object]) -> str:
        where, claimed = f"method {name!r}", spec.get("order")
        is_own = "offsets" in spec
        entry = _written_formula(where, name, spec) if is_own else _table_entry(where, spec, "formula", "central_2")
        with located(where):
            order = dk.formula(entry, derivative=derivative).order
        if claimed not in (None, order):
            raise ConfigurationError(f"{where}: order {show(claimed)} is claimed, and its offsets give {order}")
        return entry

    return _selection("method", "method=[forward_1,central_2]", formula)(plain)


def _written_formula(where: str, name: str, spec: Mapping[str, object]) -> str:
    """Return the name of a formula of somebody's own, which carries its offsets wherever it stands."""
    _refuse_keys(where, spec, FORMULA_KEYS)
    offsets = spec["offsets"]
    if not isinstance(offsets, (list, tuple)):
        raise ConfigurationError(f"{where}: offsets is {show(offsets)}; write a list, offsets: [-1, 0, 1, 2]")
    return f"{name}[{','.join(str(offset) for offset in offsets)}]"


def _of_table_or_tool(
    group: str, example: str, of_tool: Callable[[Any], Any]
) -> Callable[[str, Mapping[str, object]], Any]:
    """Return what reads an entry of a group: a method of derivkit's table, or another tool as a method."""
    table = catalog.methods(group)

    def read(name: str, spec: Mapping[str, object]) -> Any:
        where = f"{group} {name!r}"
        if group not in spec and not set(TOOL_KEYS).isdisjoint(spec):
            return of_tool(_tool(where, name, spec))
        method = _table_entry(where, spec, group, example)
        if method not in table:
            raise ConfigurationError(f"{where}: no {group} named {show(method)!r}; {nearest(method, table)}")
        return table[method]

    return read


def _estimator(tool: Any) -> testing.Method:
    """Return another tool as a method: it runs in a process of its own, which begins when it is first asked."""
    from experiments.peers import apart  # noqa: PLC0415 -- for those alone who compare

    return testing.Method(tool.name, apart.Estimator(tool), tool.source)


def _smoother(tool: Any) -> testing.SampledMethod:
    """Return the same of samples."""
    from experiments.peers import apart  # noqa: PLC0415 -- as above

    claim = "an interval at 95 %" if tool.bar else "no interval"
    return testing.SampledMethod(tool.name, apart.Smoother(tool), tool.source, claim)


def _tool(where: str, name: str, spec: Mapping[str, object]) -> Any:
    from experiments.peers import apart  # noqa: PLC0415 -- as above

    _refuse_keys(where, spec, TOOL_KEYS)
    for key in TOOL_KEYS[:3]:
        if key not in spec:
            raise ConfigurationError(f"{where}: it has no {key}; a tool has call, source and install")
    call, source, install = (_text(f"{where}: {key}", spec.get(key), "") for key in TOOL_KEYS[:3])
    if not all(part.isidentifier() for part in call.replace(":", ".", 1).split(".")) or ":" not in call:
        raise ConfigurationError(f"{where}: call is {show(call)}; write module:function, such as mine:derivative")
    seconds = number(f"{where}: seconds", spec.get("seconds", 1.0))
    if not seconds > 0.0:
        raise ConfigurationError(f"{where}: seconds is {seconds:g}; a call takes more than that, write seconds: 1")
    settings = spec.get("settings", {})
    if not isinstance(settings, Mapping):
        raise ConfigurationError(
            f"{where}: settings is {show(settings)}; write arguments of the call by name, settings: {{order: 3}}"
        )
    return apart.Tool(
        name=name, call=call, source=source, install=install, seconds=seconds,
        bar=_flag(f"{where}: bar", spec.get("bar", True)),
        interpreter=_text(f"{where}: interpreter", spec.get("interpreter", "")), settings=settings,
    )  # fmt: skip


def _table_entry(where: str, spec: Mapping[str, object], key: str, example: str) -> str:
    """Return the name in a table of derivkit that a description consists of."""
    _refuse_keys(where, spec, (key,))
    name = spec.get(key)
    if not isinstance(name, str):
        raise ConfigurationError(f"{where}: its description needs {key}: NAME, such as {key}: {example}")
    return name


# Functions


def _problems(plain: Mapping[str, object]) -> tuple[dk.Problem, ...]:
    problems = _typed_problems(plain)
    if not problems:
        entries = _entries("function", plain.get("function"), "function=sin or 'expression=sin(x)'")
        x, domain = _points(plain), _typed_domain(plain)
        problems = tuple(_described(name, spec, x, domain) for name, spec in entries)
    budget = max(1, _integer("budget", plain.get("budget", calls.BUDGET)))
    return tuple(_called_sparingly(problem, budget) for problem in problems)


def _called_sparingly(problem: dk.Problem, budget: int) -> dk.Problem:
    """Return a problem of which no value is computed twice and a derivative takes its part of a budget.

    Only somebody's own code is costly. Of many points values are not remembered, which would need much memory.
    """
    few = len(problem.points) <= MAX_POINTS_REMEMBERED
    f = problem.function.remembering if few else problem.function
    return replace(problem, function=replace(f, budget=calls.for_derivative(budget)))


def _subject(plain: Mapping[str, object]) -> tuple[dk.Problem, ...]:
    """Return what was typed to take the place of a study's own function; nothing if nothing was."""
    typed, x = _typed_problems(plain), _points(plain)
    if x and not typed:
        raise ConfigurationError(
            f"x={show(plain['x'])}: the study's own points are fixed; write 'expression=x^3-x' too"
        )
    return typed


def _typed_problems(plain: Mapping[str, object]) -> tuple[dk.Problem, ...]:
    return tuple(_problem(function, _points(plain) or (1.0,), TYPED, TYPED) for function in _typed(plain))


def _points(plain: Mapping[str, object]) -> tuple[float, ...] | None:
    return None if plain.get("x") is None else numbers("x", plain["x"])


def _typed_domain(plain: Mapping[str, object]) -> tuple[float, float] | None:
    return _domain("domain", plain.get("domain"), "domain=[0,1]")


def _typed(plain: Mapping[str, object]) -> list[dk.Function]:
    """Return the functions given by the keys ``python`` and ``expression``; none when both are null."""
    expressions = _expressions(plain)
    callables, domain = _texts("python", plain.get("python"), "python=mymodule:f"), _typed_domain(plain)
    if not callables:
        return [_expression(text, domain) for text in expressions]
    if expressions and len(expressions) != len(callables):
        raise ConfigurationError(
            f"python names {len(callables)} and expression {len(expressions)} functions;"
            " give each callable its expression"
        )
    exact: Sequence[str | None] = expressions or [None] * len(callables)
    return [_callable(f"python={show(name)}", name, text, domain) for name, text in zip(callables, exact, strict=True)]


def _expressions(plain: Mapping[str, object], key: str = "expression") -> tuple[str, ...]:
    """Return the formulas under a key, with the signs that were left out where ``implicit`` allows it."""
    texts = _texts(key, plain.get(key), f"'{key}=sin(x)'")
    implicit = _flag("implicit", plain.get("implicit", False))
    return tuple(_explicit(key, text) for text in texts) if implicit else tuple(texts)


def _explicit(key: str, text: str) -> str:
    with located(f"{key}={show(text)}"):
        return str(dk.parse(text, implicit=True))


def _texts(where: str, value: object, example: str) -> list[str]:
    if value is None:
        return []
    entries = value if isinstance(value, (list, tuple)) else [value]
    # A bare number is a constant function: Hydra reads expression=[3] as a number.
    texts = [str(entry) for entry in entries if isinstance(entry, (str, int, float)) and not isinstance(entry, bool)]
    if len(texts) != len(entries) or not entries or not all(text.strip() for text in texts):
        raise ConfigurationError(f"{where}={show(value)}: not a text or a list of texts; write {example}")
    return texts


def _expression(text: str, domain: tuple[float, float] | None) -> dk.Function:
    try:
        return dk.Function.from_expression(text, domain=domain)
    except ValueError as error:
        hint = "; write a list as \"expression=['sin(x)','cos(x)']\"" if len(elements(text)) > 1 else ""
        raise ConfigurationError(f"expression={show(text)}: {line_of(error)}{hint}") from error


def _callable(where: str, name: str, expression: str | None, domain: tuple[float, float] | None) -> dk.Function:
    function = modules.load(name)
    with located(where):
        return dk.Function.from_callable(function, name=name, expression=expression, domain=domain)


def _loss(plain: Mapping[str, object]) -> Callable[..., object] | None:
    """The function of a key ``python`` that stands alone."""
    name = plain["python"]
    return None if name is None else modules.load(_text("python", name, "mymodule:loss"))


def _gradient(plain: Mapping[str, object]) -> object:
    """A function, an array, or arrays in a structure, which somebody's module has."""
    name = plain["gradient"]
    if name is None:
        return None
    value, *_ = modules.attribute_of("gradient", _text("gradient", name, "mymodule:grad"))
    if value is None or isinstance(value, (str, bool, ModuleType, type)):
        raise ConfigurationError(
            f"gradient={show(name)}: neither a function nor an array but of type {type(value).__name__};"
            " write gradient=mymodule:grad"
        )
    return value


def _parameters(plain: Mapping[str, object]) -> object:
    """Numbers, or what somebody's module has or gives: an array, or arrays in a structure."""
    x = plain["x"]
    if x is None:
        return None
    value = modules.value_of(x) if isinstance(x, str) and ":" in x else _typed_numbers(x)
    try:
        dk.Structure.of(value)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"x={show(x)}: {line_of(error)}") from error
    return value


def _typed_numbers(x: object) -> object:
    try:
        return np.array(numbers("x", x))
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}, or x=mymodule:start") from error


def _described(
    name: str, spec: Mapping[str, object], x: tuple[float, ...] | None, domain: tuple[float, float] | None
) -> dk.Problem:
    """Return the problem that an entry of ``conf/function`` describes, at x and on a domain where these are given."""
    _refuse_keys(f"function {name!r}", spec, FUNCTION_KEYS)
    points = x or numbers(f"function {name!r}: points", spec.get("points", []))
    with located(f"function {name!r}"):
        function = _function(name, spec, domain or _domain(f"function {name!r}: domain", spec.get("domain")))
    return _problem(function, points, str(spec.get("reason", "")), str(spec.get("source", "")))


def _function(name: str, spec: Mapping[str, object], domain: tuple[float, float] | None) -> dk.Function:
    expression = None if spec.get("expression") is None else str(spec["expression"])
    if spec.get("python") is not None:
        return _callable(f"function {name!r}", str(spec["python"]), expression, domain)
    if spec.get("black_box") is not None:
        return dk.Function.from_black_box(str(spec["black_box"]), expression=expression, domain=domain)
    if expression is None:
        raise ConfigurationError(f"function {name!r}: its description needs expression, black_box or python")
    return dk.Function.from_expression(expression, name=name, domain=domain)


def _domain(where: str, value: object, example: str = "domain: [0, 1]") -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ConfigurationError(f"{where}={show(value)}: an interval has two ends; write {example}")
    low, high = (_end(where, end) for end in value)
    if not low < high:
        raise ConfigurationError(f"{where}={show(value)}: write the smaller end first, {example}")
    return low, high


def _end(where: str, value: object) -> float:
    endless = isinstance(value, (float, str)) and str(value) in ("inf", "-inf")
    return float(str(value)) if endless else number(where, value)


def _problem(function: dk.Function, points: tuple[float, ...], reason: str, source: str) -> dk.Problem:
    try:
        return dk.Problem(function, points, reason, source)
    except ValueError as error:
        raise ConfigurationError(line_of(error)) from error


# Populations


def _family(name: str, spec: Mapping[str, object]) -> testing.Family:
    """Return the family that an entry of ``conf/population`` describes."""
    where = f"population {name!r}"
    _refuse_keys(where, spec, FAMILY_KEYS)
    texts = {key: _text(f"{where}: {key}", spec[key]) for key in ("expression", "program", "derivative") if key in spec}
    with located(where):
        return testing.Family(
            name=name,
            category=_text(f"{where}: category", spec.get("category")),
            expression=dk.parse(texts["expression"]) if "expression" in texts else None,
            program=testing.program(texts["program"]) if "program" in texts else None,
            points=numbers(f"{where}: points", spec["points"]) if "points" in spec else (),
            draws=_draws(where, spec.get("draws", {})),
            around=numbers(f"{where}: around", spec["around"]) if "around" in spec else (),
            derivatives=_derivatives(f"{where}: derivatives", spec.get("derivatives", ())),
            domain=_domain(f"{where}: domain", spec.get("domain")) or (-math.inf, math.inf),
            noise=_noise(where, spec["noise"]) if "noise" in spec else None,
            derivative=dk.parse(texts["derivative"]) if "derivative" in texts else None,
            statuses=tuple(_texts(f"{where}: statuses", spec.get("statuses"), "statuses: [ok]")) or testing.VALUED,
            at_break=tuple(_texts(f"{where}: at_break", spec.get("at_break"), "at_break: [kink]")),
            slack=number(f"{where}: slack", spec.get("slack", 0.0)),
            reason=str(spec.get("reason", "")),
        )


def _derivatives(where: str, value: object) -> tuple[int, ...]:
    entries: tuple[Any, ...] = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not all(type(order) is int and order in DERIVATIVES for order in entries):
        raise ConfigurationError(f"{where} is {show(value)}; write orders from 1 to 4, derivatives: [1, 2]")
    return entries


def _draws(where: str, value: object) -> tuple[testing.Draw, ...]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{where}: draws is {show(value)}; write how and from where, draws: {{uniform: [0, 1]}}"
        )
    ends = {how: numbers(f"{where}: {how}", interval) for how, interval in value.items()}
    for how, interval in ends.items():
        if len(interval) != 2:
            raise ConfigurationError(f"{where}: {how} is {show(value[how])}; write two ends, {how}: [0, 1]")
    return tuple(testing.Draw(str(how), *interval) for how, interval in ends.items())


def _noise(where: str, value: object) -> testing.Disturbance:
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ConfigurationError(
            f"{where}: noise is {show(value)}; write its kind and level, noise: {{relative: 1e-8}}"
        )
    ((kind, level),) = value.items()
    return testing.Disturbance(str(kind), number(f"{where}: noise", level))


# Signals


def _signals(plain: Mapping[str, object]) -> dict[str, tuple[testing.Signal, ...]]:
    """Return the signals of every set of ``conf/signals`` that is selected, by the name of the set."""
    sets = _entries("signals", plain.get("signals"), "signals=[five]")
    return {half: tuple(_signal(name, spec) for name, spec in _entries(half, some, "")) for half, some in sets}


def _signal(name: str, spec: Mapping[str, Any]) -> testing.Signal:
    where = f"signal {name!r}"
    _refuse_keys(where, spec, SIGNAL_KEYS)
    with located(where):
        return testing.Signal(name=name, **spec)


# Networks


def _network(name: str, spec: Mapping[str, object]) -> dk.Network:
    """Return the network that an entry of ``conf/network`` describes."""
    where = f"network {name!r}"
    _refuse_keys(where, spec, NETWORK_KEYS)
    sizes = spec.get("sizes")
    if not isinstance(sizes, (list, tuple)):
        raise ConfigurationError(f"{where}: sizes is {show(sizes)}; write inputs, units and outputs, sizes: [4, 16, 3]")
    if "activation" in spec and "activations" in spec:
        raise ConfigurationError(
            f"{where}: activation is of all layers but the last, activations one of each; keep one"
        )
    each = _texts(f"{where}: activations", spec.get("activations"), "activations: [relu, identity]")
    hidden = _text(f"{where}: activation", spec.get("activation", "relu"))
    with located(where):
        return dk.Network(
            sizes=tuple(sizes),
            activations=tuple(each) or (*(hidden,) * (len(sizes) - 2), "identity"),
            objective=_text(f"{where}: loss", spec.get("loss", "softmax_cross_entropy")),
            l1=number(f"{where}: l1", spec.get("l1", 0.0)),
            l2=number(f"{where}: l2", spec.get("l2", 0.0)),
            name=name,
        )


def _data(plain: Mapping[str, object]) -> dk.Data:
    name = _text("data", plain["data"])
    if name not in DATA:
        raise ConfigurationError(f"no data named {show(name)!r}; {nearest(name, DATA)}")
    return DATA[name]()


def _digits() -> dk.Data:
    try:
        return digits.load()
    except ImportError as error:
        raise ConfigurationError(
            "data=digits needs scikit-learn; pip install 'derivative-lab[data]', or data=generated"
        ) from error


# Descriptions


def _selection(
    group: str, example: str, read: Callable[[str, Mapping[str, object]], T]
) -> Callable[[Mapping[str, object]], tuple[T, ...]]:
    """Return what reads all entries of a group that are selected, each by its name and its description."""
    return lambda plain: tuple(read(name, spec) for name, spec in _entries(group, plain.get(group), example))


def _entries(where: str, value: object, example: str) -> list[tuple[str, Mapping[str, object]]]:
    if not isinstance(value, Mapping) or not value:
        raise ConfigurationError(f"no {where} is selected; write {example}")
    for name, spec in value.items():
        fault = fault_of_name(name)
        if fault:
            raise ConfigurationError(f"{where} {show(name)!r}: the name {fault}")
        if not isinstance(spec, Mapping):
            raise ConfigurationError(f"{where} {name!r} is {show(spec)}; its file holds {name}: {{...}}")
    return list(value.items())


def _refuse_keys(where: str, spec: Mapping[str, object], allowed: Sequence[str]) -> None:
    for key in spec:
        if key not in allowed:
            raise ConfigurationError(f"{where}: unknown key {key!r}; {nearest(key, allowed)}")


def _integer(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"{where}={show(value)}: not a whole number; write one such as {where}=10")
    return value


def _times(plain: Mapping[str, object]) -> tuple[float | np.datetime64, ...]:
    """Return times that are wanted: numbers, or dates where they begin with a year, a month and a day."""
    value = plain["at"]
    entries = value if isinstance(value, (list, tuple)) else [value]
    if not any(isinstance(entry, str) and DATE.match(entry) for entry in entries):
        return () if value is None else numbers("at", value)
    return tuple(_moment(entry) for entry in entries)


def _moment(entry: object) -> np.datetime64:
    try:
        moment = datetime.fromisoformat(str(entry))
    except ValueError:
        raise ConfigurationError(f"at={show(entry)}: no date; write a date such as at=2026-01-31T12:30") from None
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, "ns")


def _flag(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where}={show(value)}: neither true nor false")
    return value


def _text(where: str, value: object, example: str = "name") -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{where}={show(value)}: not a text; write one such as {where}={example}")
    return value


def _integers(where: str, value: object) -> tuple[int, ...]:
    return tuple(_integer(where, entry) for entry in (value if isinstance(value, list) else [value]))


DATA: dict[str, Callable[[], dk.Data]] = {"generated": dk.Data, "digits": _digits}
CONVERTERS: dict[str, Callable[[Mapping[str, object]], object]] = {
    "function": _problems,
    "subject": _subject,
    "expression": _expressions,
    "method": _methods,
    "estimator": _selection(
        "estimator", "estimator=[ridders,gsl_central]", _of_table_or_tool("estimator", "ridders", _estimator)
    ),
    "smoother": _selection(
        "smoother", "smoother=[from_samples,np.gradient]", _of_table_or_tool("smoother", "from_samples", _smoother)
    ),
    "delta": deltas,
    "derivative": _derivative,
    "network": _selection("network", "network=tiny", _network),
    "population": _selection("population", "population=tuning", _family),
    "data": _data,
    "python": _loss,
    "gradient": _gradient,
    "x": _parameters,
    "file": datafiles.of_keys,
    "files": datafiles.answers,
    "at": _times,
    "signals": _signals,
}
BY_TYPE: dict[object, Callable[[str, object], object]] = {
    int: _integer,
    float: number,
    float | None: lambda where, value: None if value is None else number(where, value),
    bool: _flag,
    str: _text,
    tuple[float, ...]: numbers,
    tuple[int, ...]: _integers,
    tuple[str, ...]: lambda where, value: tuple(_texts(where, value, f"{where}=name")),
}
