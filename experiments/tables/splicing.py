"""Parquet files joined as they are: their rows are copied as bytes, and only the footer is written anew.

A Parquet file is ``PAR1``, the pages of its row groups, a footer, the footer's length and ``PAR1`` again. The footer is
a Thrift structure in the compact protocol (``parquet.thrift`` of apache/parquet-format; the protocol is described in
``doc/specs/thrift-compact-protocol.md`` of apache/thrift). What it says of a row group holds wherever the group stands,
but for the offsets, which count from the beginning of the file, and for its number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

MAGIC = b"PAR1"
TAIL = 8
"""Bytes after the footer: its length and the magic word."""
COPIED = 1 << 22
"""Bytes that are copied at once."""

I16, I64, BINARY, LIST, STRUCT = 4, 6, 8, 9, 12
"""Types of the compact protocol that are written here; others are passed on as they were read."""
SHORT_LIST = 15
"""A list of so many entries or more has its length in bytes of its own."""

# Numbers of fields in parquet.thrift
ROWS, GROUPS, NOTES = 3, 4, 5
COLUMNS, GROUP_OFFSET, ORDINAL = 1, 5, 7
CHUNK_OFFSET, CHUNK_META = 2, 3
PAGE_OFFSETS = (9, 10, 11)
KEY, VALUE = 1, 2

Field: TypeAlias = tuple[int, Any]
"""Type and value: an int, bytes, None for a truth value, which is a type; a list's is (type of its entries, list)."""
Struct: TypeAlias = dict[int, Field]


@dataclass(frozen=True)
class Footer:
    """The footer of a file, and where it begins: before it lie the magic word and the row groups."""

    content: Struct
    start: int


def read(path: Path) -> Footer:
    """Return the footer of a Parquet file.

    Raises
    ------
    ValueError
        If the file is none, or its footer has what a footer cannot have.
    """
    try:
        return _read(path)
    except (ValueError, IndexError) as problem:
        raise ValueError(f"{path} is damaged or not a Parquet file ({problem})") from problem


def _read(path: Path) -> Footer:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL))
        tail = file.read(TAIL)
        length = int.from_bytes(tail[:4], "little")
        start = size - TAIL - length
        if tail[4:] != MAGIC or start < len(MAGIC):
            raise ValueError("it does not end as one")
        file.seek(start)
        return Footer(_struct(BytesIO(file.read(length))), start)


def splice(parts: Sequence[Path], path: Path, notes: Mapping[bytes, bytes]) -> None:
    """Write a file of the row groups of other files, in order, as if one writer had written them all.

    Parameters
    ----------
    parts
        Parquet files of the same columns, by the same writer.
    path
        The file to be written.
    notes
        Values of the file's own metadata that are not those of the first part.
    """
    whole: Struct = {}
    with path.open("wb") as target:
        target.write(MAGIC)
        for part in parts:
            footer = read(part)
            _append(whole, footer.content, shift=target.tell() - len(MAGIC))
            _copy(part, footer.start, target)
        for note in whole[NOTES][1][1]:
            if note[KEY][1] in notes:
                note[VALUE] = BINARY, notes[note[KEY][1]]
        content = bytearray()
        _put_struct(content, whole)
        target.write(content + len(content).to_bytes(4, "little") + MAGIC)


def _append(whole: Struct, other: Struct, *, shift: int) -> None:
    """Add the row groups of another file, whose first begins ``shift`` bytes later than it did."""
    groups = whole[GROUPS][1][1] if whole else []
    for ordinal, group in enumerate(other[GROUPS][1][1], start=len(groups)):
        _shift(group, (GROUP_OFFSET,), shift)
        if ORDINAL in group:
            group[ORDINAL] = I16, ordinal
        for chunk in group[COLUMNS][1][1]:
            _shift(chunk, (CHUNK_OFFSET,), shift)
            _shift(chunk[CHUNK_META][1], PAGE_OFFSETS, shift)
        groups.append(group)
    rows = whole[ROWS][1] if whole else 0
    whole.update({**other, **whole, ROWS: (I64, rows + other[ROWS][1]), GROUPS: (LIST, (STRUCT, groups))})


def _shift(struct: Struct, fields: Sequence[int], shift: int) -> None:
    for field in fields:
        if struct.get(field, (I64, 0))[1]:  # 0 stands for none
            struct[field] = I64, struct[field][1] + shift


def _copy(part: Path, end: int, target: BinaryIO) -> None:
    with part.open("rb") as source:
        left = end - source.seek(len(MAGIC))
        while left:
            piece = source.read(min(COPIED, left))
            if not piece:
                raise ValueError(f"{part} became shorter while it was read")
            target.write(piece)
            left -= len(piece)


# The compact protocol


def _struct(source: BytesIO) -> Struct:
    return dict(_fields(source))


def _fields(source: BytesIO) -> Iterator[tuple[int, Field]]:
    number = 0
    while head := source.read(1)[0]:
        step, kind = head >> 4, head & 15
        number = number + step if step else _signed(source)
        yield number, (kind, _value(source, kind))


def _value(source: BytesIO, kind: int) -> Any:
    match kind:
        case 1 | 2:
            return None
        case 4 | 5 | 6:
            return _signed(source)
        case 8:
            return source.read(_unsigned(source))
        case 9:
            head = source.read(1)[0]
            count = head >> 4 if head >> 4 < SHORT_LIST else _unsigned(source)
            return head & 15, [_value(source, head & 15) for _ in range(count)]
        case 12:
            return _struct(source)
    raise ValueError(f"a footer has no values of the type {kind}")


def _unsigned(source: BytesIO) -> int:
    value, shift = 0, 0
    while (byte := source.read(1)[0]) & 128:
        value |= (byte & 127) << shift
        shift += 7
    return value | byte << shift


def _signed(source: BytesIO) -> int:
    value = _unsigned(source)
    return value >> 1 ^ -(value & 1)


def _put_struct(target: bytearray, struct: Struct) -> None:
    before = 0
    for number, (kind, value) in sorted(struct.items()):
        step = number - before
        if step < 16:
            target.append(step << 4 | kind)
        else:
            target.append(kind)
            _put_signed(target, number)
        _put(target, kind, value)
        before = number
    target.append(0)


def _put(target: bytearray, kind: int, value: Any) -> None:
    match kind:
        case 4 | 5 | 6:
            _put_signed(target, value)
        case 8:
            _put_unsigned(target, len(value))
            target += value
        case 9:
            inner, entries = value
            target.append(min(len(entries), SHORT_LIST) << 4 | inner)
            if len(entries) >= SHORT_LIST:
                _put_unsigned(target, len(entries))
            for entry in entries:
                _put(target, inner, entry)
        case 12:
            _put_struct(target, value)


def _put_unsigned(target: bytearray, value: int) -> None:
    while value > 127:
        target.append(value & 127 | 128)
        value >>= 7
    target.append(value)


def _put_signed(target: bytearray, value: int) -> None:
    _put_unsigned(target, value << 1 if value >= 0 else (-value << 1) - 1)
