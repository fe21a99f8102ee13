"""Tables: written, hashed, gathered, read and joined. The only room that knows pyarrow."""

from experiments.tables.errors import DELTA, best, largest, typical_in
from experiments.tables.gathering import gather
from experiments.tables.hashing import GROUP, KINDS, TableRecord
from experiments.tables.joining import Joined, WordArray, join, match, normal, originals
from experiments.tables.parts import footers_of, measured_in, rows_of, shape_of, stated_hash, types_of
from experiments.tables.reading import (
    CSV_ROWS,
    columns_of,
    distinct,
    frame_of,
    head,
    read,
    read_every,
    several,
    spread,
    write_csv,
)
from experiments.tables.words import Words, hash_of, recorded
from experiments.tables.writing import Writer, estimate_bytes, seconds_to_store

__all__ = [
    "CSV_ROWS",
    "DELTA",
    "GROUP",
    "KINDS",
    "Joined",
    "TableRecord",
    "WordArray",
    "Words",
    "Writer",
    "best",
    "columns_of",
    "distinct",
    "estimate_bytes",
    "footers_of",
    "frame_of",
    "gather",
    "hash_of",
    "head",
    "join",
    "largest",
    "match",
    "measured_in",
    "normal",
    "originals",
    "read",
    "read_every",
    "recorded",
    "rows_of",
    "seconds_to_store",
    "several",
    "shape_of",
    "spread",
    "stated_hash",
    "types_of",
    "typical_in",
    "write_csv",
]
