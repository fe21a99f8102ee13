"""Tables: written, hashed, gathered, read and joined. The only room that knows pyarrow."""

from experiments.tables.encoding import Encoding, hash_of, recorded
from experiments.tables.errors import BESIDE, DELTA, best, largest, typical_in
from experiments.tables.gathering import gather
from experiments.tables.hashing import GROUP, KINDS, TableRecord
from experiments.tables.joining import Encoded, Joined, join, match, normal, originals
from experiments.tables.parquet import Footer, footer
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
from experiments.tables.writing import Writer, estimate_bytes, seconds_to_store

__all__ = [
    "BESIDE",
    "CSV_ROWS",
    "DELTA",
    "GROUP",
    "KINDS",
    "Encoded",
    "Encoding",
    "Footer",
    "Joined",
    "TableRecord",
    "Writer",
    "best",
    "columns_of",
    "distinct",
    "estimate_bytes",
    "footer",
    "frame_of",
    "gather",
    "hash_of",
    "head",
    "join",
    "largest",
    "match",
    "normal",
    "originals",
    "read",
    "read_every",
    "recorded",
    "seconds_to_store",
    "several",
    "spread",
    "typical_in",
    "write_csv",
]
