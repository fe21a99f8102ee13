"""Formulas as trees: their nodes, their programs, and how they are typed.

A sum of 300 terms is a tree 300 deep.  No function here recurses, nodes included: see `program_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from derivkit.expressions.layout import Layout, Part, Strength, decimal, joined, laid_out
from derivkit.expressions.limits import MAX_LENGTH
from derivkit.operations.elementary import COMPARISONS, OPERATIONS
from derivkit.presentation import FormulaDisplay

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")

CONSTANTS = ("pi", "e")
GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi"),
        *("rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
    )
)
"""Names of variables that stand for one letter."""
PRIMES = "'\N{PRIME}\N{RIGHT SINGLE QUOTATION MARK}"


class Leaf:
    """A node without arguments."""

    __slots__ = ()
    size: ClassVar[int] = 1
    pending: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Number(Leaf):
    """A number as typed, exactly: 0.1 is 1/10."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Constant(Leaf):
    """A number with a name: 'pi' or 'e'."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Leaf):
    """A real variable."""

    name: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Operation:
    """A row of `OPERATIONS`: a sign or an elementary function, applied to its arguments in the order typed.

    Two operations are equal if their trees are.  What a dataclass would generate recurses into the arguments,
    and fails on a sum of 300 terms; so the hash is taken once, from the hashes of the arguments, and equality
    goes down to the parts that both trees share.  In the same way a node knows its size.

    Attributes
    ----------
    name : str
        The row.
    arguments : tuple of Node
        What it is applied to.
    size : int
        Nodes of the tree when it is written out: one that occurs twice counts twice.
    pending : bool
        Whether it holds a derivative that is still to be found.
    """

    name: str
    arguments: tuple[Node, ...]
    size: int = field(init=False)
    pending: bool = field(init=False)
    _hash: int = field(init=False)

    def __post_init__(self) -> None:
        if len(self.arguments) not in arities(self.name):
            msg = f"operation {self.name!r} takes {counts(self.name)} arguments, not {len(self.arguments)}"
            raise ValueError(msg)
        size, pending = 1, False
        for part in self.arguments:
            size += part.size
            pending = pending or part.pending
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "pending", pending)
        object.__setattr__(self, "_hash", hash((self.name, self.arguments)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Operation):
            return NotImplemented
        return self._hash == other._hash and _equal(self, other)

    def __repr__(self) -> str:
        shown: list[str] = []
        for step in program_of(self):
            inner = ", ".join(shown[i] for i in step.arguments)
            # A tree whose parts are shared may be exponentially longer than its program.
            inner = inner if len(inner) <= MAX_LENGTH else "..."
            shown.append(f"{step.operation}({inner})" if step.arguments else str(step.value))
        return f"<Operation {shown[-1]}>"

    def __reduce__(self) -> tuple[Callable[[tuple[Instruction, ...]], Node], tuple[tuple[Instruction, ...]]]:
        # Pickled flat: a nested pickle recurses, and a stored hash is false in another process.
        return tree_of, (program_of(self),)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A derivative of an unknown function, f^(order)(argument); order 0 is the function itself."""

    name: str
    order: int
    argument: Node

    @property
    def arguments(self) -> tuple[Node, ...]:
        """The argument, as operations have theirs."""
        return (self.argument,)

    @property
    def size(self) -> int:
        """Nodes of the tree when it is written out."""
        return 1 + self.argument.size

    @property
    def pending(self) -> bool:
        """Whether the argument holds a derivative that is still to be found."""
        return self.argument.pending


@dataclass(frozen=True, slots=True)
class Unevaluated:
    """The derivative of a piece, still to be found: d/dx piece."""

    piece: Node
    variable: str
    pending: ClassVar[bool] = True

    @property
    def arguments(self) -> tuple[Node, ...]:
        """The piece, as operations have their arguments."""
        return (self.piece,)

    @property
    def size(self) -> int:
        """Nodes of the tree when it is written out."""
        return 1 + self.piece.size


Branch = Operation | Unknown | Unevaluated
"""A node with arguments."""
Node = Number | Constant | Variable | Branch


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a program.

    Attributes
    ----------
    operation : str
        'number', 'constant', 'variable', a name in `OPERATIONS`, 'unknown', 'unevaluated'.
    arguments : tuple of int
        The earlier steps whose results it takes; empty for the first three.
    value : Fraction, str, tuple or None
        The number, or the name of the constant or variable; (name, order) of an unknown function; the variable of an
        unevaluated derivative; None for an operation.

    """

    operation: str
    arguments: tuple[int, ...]
    value: Fraction | str | tuple[str, int] | None


def _equal(first: Node, second: Node) -> bool:
    """Whether two trees are equal; what is one object in both is not looked into, and no pair is looked at twice."""
    compared: set[tuple[int, int]] = set()
    stack: list[tuple[Node, Node]] = [(first, second)]
    while stack:
        a, b = stack.pop()
        if a is b or (id(a), id(b)) in compared:
            continue
        compared.add((id(a), id(b)))
        if not isinstance(a, Branch) or not isinstance(b, Branch):
            if isinstance(a, Branch) or isinstance(b, Branch) or a != b:
                return False
            continue
        if _operation_of(a) != _operation_of(b) or _value_of(a) != _value_of(b) or len(a.arguments) != len(b.arguments):
            return False
        if isinstance(a, Operation) and hash(a) != hash(b):
            return False
        stack.extend(zip(a.arguments, b.arguments, strict=True))
    return True


def postorder(
    roots: Iterable[T], children: Callable[[T], Sequence[T]], *, key: Callable[[T], Hashable] = id
) -> Iterator[T]:
    """Every node of a directed acyclic graph once, each after its children: the one walk over trees.

    Nodes of one key are one node. With the identity as the key, the roots must keep every node alive meanwhile.
    """
    entered: set[Hashable] = set()
    for root in roots:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                yield node
            elif key(node) not in entered:
                entered.add(key(node))
                stack.append((node, True))
                stack += [(child, False) for child in reversed(children(node))]


def arguments_of(node: Node) -> tuple[Node, ...]:
    """The arguments of a node; none of a leaf."""
    return node.arguments if isinstance(node, Branch) else ()


def nodes_of(*roots: Node) -> Iterator[Node]:
    """Every node of some trees once, arguments before operations, left before right."""
    return postorder(roots, arguments_of)


def with_arguments(node: Branch, arguments: Sequence[Node]) -> Branch:
    """The same operation on other arguments."""
    match node:
        case Unknown(name, order, _):
            return Unknown(name, order, arguments[0])
        case Unevaluated(_, variable):
            return Unevaluated(arguments[0], variable)
    return Operation(node.name, tuple(arguments))


def replaced(root: Node, change: Callable[[Node], Node | None]) -> Node:
    """The tree with nodes replaced where `change` gives another; what is replaced is not looked into."""
    new: dict[int, Node | None] = {}

    def open_parts(node: Node) -> tuple[Node, ...]:
        new[id(node)] = change(node)
        return () if new[id(node)] is not None else arguments_of(node)

    done: dict[int, Node] = {}
    for node in postorder([root], open_parts):
        done[id(node)] = new[id(node)] or _rebuilt(node, done)
    return done[id(root)]


def _rebuilt(node: Node, done: Mapping[int, Node]) -> Node:
    """A node with what its arguments have become; itself if they are the same."""
    if not isinstance(node, Branch):
        return node
    parts = tuple(done[id(part)] for part in node.arguments)
    return node if all(a is b for a, b in zip(parts, node.arguments, strict=True)) else with_arguments(node, parts)


def depends_on(root: Node, variable: Variable) -> bool:
    """Whether a variable occurs in a tree."""
    return any(node == variable for node in nodes_of(root))


_LEAVES: Mapping[str, Callable[..., Node]] = {"number": Number, "constant": Constant, "variable": Variable}


def program_of(root: Node) -> tuple[Instruction, ...]:
    """Flatten a tree: arguments before operations, left before right, equal subtrees once.

    Equal trees have equal programs, whatever objects they share.  The result of the last step is the tree's.
    """
    return joint_program([root])[0]


def joint_program(roots: Sequence[Node]) -> tuple[tuple[Instruction, ...], list[int]]:
    """Flatten several trees into one program, and say at which of its steps each of them ends."""
    place: dict[Instruction, int] = {}
    known: dict[int, int] = {}
    for node in nodes_of(*roots):
        if isinstance(node, Branch):
            step = Instruction(_operation_of(node), tuple(known[id(part)] for part in node.arguments), _value_of(node))
        else:
            step = _leaf_step(node)
        known[id(node)] = place.setdefault(step, len(place))
    return tuple(place), [known[id(root)] for root in roots]


def operations_of(program: Sequence[Instruction]) -> int:
    """The operations of a program; numbers and variables are none."""
    return sum(bool(step.arguments) for step in program)


def variables_of(program: Sequence[Instruction]) -> tuple[str, ...]:
    """The names of the variables of a program, in the order of first appearance."""
    return tuple(str(step.value) for step in program if step.operation == "variable")


def _operation_of(node: Branch) -> str:
    return node.name if isinstance(node, Operation) else type(node).__name__.lower()


def _value_of(node: Branch) -> Any:
    if isinstance(node, Unknown):
        return node.name, node.order
    return node.variable if isinstance(node, Unevaluated) else None


def _leaf_step(node: Number | Constant | Variable) -> Instruction:
    value = node.value if isinstance(node, Number) else node.name
    return Instruction(type(node).__name__.lower(), (), value)


def tree_of(program: tuple[Instruction, ...]) -> Node:
    """Build the tree of a program again, equal parts shared: the inverse of `program_of`."""
    nodes: list[Node] = []
    for step in program:
        leaf = _LEAVES.get(step.operation)
        nodes.append(leaf(step.value) if leaf else _branch_of(step, tuple(nodes[i] for i in step.arguments)))
    return nodes[-1]


def _branch_of(step: Instruction, arguments: tuple[Node, ...]) -> Branch:
    if step.operation == "unknown":
        name, order = cast("tuple[str, int]", step.value)
        return Unknown(name, order, arguments[0])
    if step.operation == "unevaluated":
        return Unevaluated(arguments[0], cast("str", step.value))
    return Operation(step.operation, arguments)


LONGEST_SHOWN = 200
"""Characters of a formula that a terminal is to show at once; a constant without a derivation."""


@dataclass(frozen=True, repr=False)
class Expression(FormulaDisplay):
    """A formula.

    Attributes
    ----------
    root : Node
        Its tree.
    typed : str
        The text from which it was read; empty for a formula that was built.

    Examples
    --------
    >>> from derivkit import parse
    >>> formula = parse("w*x + b")
    >>> str(formula), formula.variables
    ('w*x + b', ('w', 'x', 'b'))
    """

    root: Node
    typed: str = ""

    def __repr__(self) -> str:
        return f"<Expression {self.short}>"

    @property
    def short(self) -> str:
        """The text for one line of a terminal: no more than 200 characters of it."""
        return _shortened(self.typed) if self.typed else short_text(self.root)

    @cached_property
    def text(self) -> str:
        """What was typed, else how it would be typed."""
        return self.typed or text_of(self.root)

    @cached_property
    def program(self) -> tuple[Instruction, ...]:
        """The tree, flat: one loop over it evaluates the formula in any arithmetic."""
        return program_of(self.root)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, in the order of first appearance."""
        return variables_of(self.program)

    @property
    def operations(self) -> int:
        """How many operations compute it, every part once; numbers and variables are none."""
        return operations_of(self.program)

    @property
    def tree_operations(self) -> int:
        """How many operations it has written out, where a part that occurs twice is counted twice.

        Examples
        --------
        >>> from derivkit import parse
        >>> formula = parse("exp(x^2) + x^2")
        >>> formula.operations, formula.tree_operations
        (3, 4)
        """
        written: list[int] = []
        for step in self.program:
            written.append(bool(step.arguments) + sum(written[k] for k in step.arguments))
        return written[-1]

    def __str__(self) -> str:
        """The text, or the beginning of one that is too long to be written out."""
        try:
            return self.text
        except ValueError:
            return self.short


def short_text(node: Node) -> str:
    """The tree for one line of a terminal: at most 200 characters of `text_of`, and no more than these are made."""
    text = ""
    for piece in _texts(node):
        text += piece
        if len(text) > LONGEST_SHOWN:
            return f"{printable(text[: LONGEST_SHOWN - 3])}... ({len(program_of(node)):,} operations)"
    return printable(text)


def _shortened(text: str) -> str:
    shown = f"{printable(text[: LONGEST_SHOWN - 3])}... ({len(text):,} characters)"
    return printable(text) if len(text) <= LONGEST_SHOWN else shown


def text_of(node: Node) -> str:
    """The tree as it would be typed, with as few brackets as it takes.

    `parse` reads the text back as an equal tree, within its own limits and with two exceptions. A number that is
    negative, or no decimal of at most 30 digits, is written as a sign or a quotient, and is read as one; an
    unevaluated derivative is written as d/dx(...), which is not read.

    Raises
    ------
    ValueError
        If the text has more than a million characters: a tree whose parts are shared may be exponentially long.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> text_of(parse("((2*x))^2 - (x - (1 + f'(x)))").root)
    "(2*x)**2 - (x - (1 + f'(x)))"
    """
    pieces: list[str] = []
    length = 0
    for piece in _texts(node):
        pieces.append(piece)
        length += len(piece)
        if length > MAX_TEXT:
            raise ValueError(f"the formula has more than {MAX_TEXT} characters when it is written out")
    return "".join(pieces)


def _texts(node: Node) -> Iterator[str]:
    """The text of a tree from left to right."""
    return (text for text, *_ in laid_out(node, _layout, "(", ")"))


MAX_TEXT = 1_000_000
_INFIX: Mapping[str, tuple[str, Strength, Strength, Strength]] = {
    # sign, its strength, the least of the left argument, the least of the right one
    **{row.name: (f" {row.typed} ", Strength.COMPARED, Strength.SUM, Strength.SUM) for row in COMPARISONS},
    "add": (" + ", Strength.SUM, Strength.SUM, Strength.PRODUCT),
    "subtract": (" - ", Strength.SUM, Strength.SUM, Strength.PRODUCT),
    "multiply": ("*", Strength.PRODUCT, Strength.PRODUCT, Strength.SIGNED),
    "divide": ("/", Strength.PRODUCT, Strength.PRODUCT, Strength.SIGNED),
    "power": ("**", Strength.POWER, Strength.ATOM, Strength.SIGNED),
}


def _layout(node: Node, **_: bool) -> Layout[str]:  # noqa: PLR0911 -- a table of cases
    """How strongly a node binds, and what is typed."""
    match node:
        case Number(value):
            strength = Strength.SIGNED if value < 0 else Strength.PRODUCT
            return (Strength.ATOM, (shown,)) if (shown := decimal(value)) else (strength, (text_of(as_typed(value)),))
        case Constant(name) | Variable(name):
            return Strength.ATOM, (name,)
        case Unknown(name, order, _):
            return Strength.ATOM, (f"{name}{order * PRIMES[0]}(", Part(0), ")")
        case Unevaluated(_, variable):
            return Strength.PRODUCT, (f"d/d{variable}(", Part(0), ")")
        case Operation("negate", _):
            return Strength.SIGNED, ("-", Part(0, Strength.SIGNED))
        case Operation(name, (_, right)) if name in _INFIX:
            sign, strength, least_left, least_right = _INFIX[name]
            if name == "power" and isinstance(right, Operation) and right.name == "negate":
                # e**(-x**2): without brackets it is read well by machines only
                least_right = least_right if isinstance(right.arguments[0], Number) else Strength.ATOM
            return strength, (Part(0, least_left), sign, Part(1, least_right))
        case Operation("piecewise", arguments):
            last = len(arguments) - 1
            pairs = [("(", Part(k), ", ", Part(k + 1) if k < last else "True", ")") for k in range(0, last + 1, 2)]
            return Strength.ATOM, ("piecewise(", *joined(pairs, ", "), ")")
    return Strength.ATOM, (f"{node.name}(", *joined([(Part(k),) for k in range(len(node.arguments))], ", "), ")")


def as_typed(value: Fraction) -> Node:
    """A negative number or a fraction, as the parser would read it."""
    if value < 0:
        return Operation("negate", (Number(-value),))
    return Operation("divide", (Number(Fraction(value.numerator)), Number(Fraction(value.denominator))))


def arities(name: str) -> Sequence[int]:
    """The numbers of arguments that an operation may have; none for an unknown name."""
    return OPERATIONS[name].arity if name in OPERATIONS else ()


def counts(name: str) -> str:
    """The numbers of arguments in words."""
    allowed = arities(name)
    return f"{allowed[0]} or more" if isinstance(allowed, range) else " or ".join(map(str, allowed)) or "no"


def printable(text: str) -> str:
    """What may reach a terminal; one character for one, or a caret would miss."""
    return "".join(" " if sign.isspace() else sign if sign.isprintable() else "?" for sign in text)
