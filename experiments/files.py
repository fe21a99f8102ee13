"""Files that anybody may have put there: read only if they are files, replaced whole, never written through a link.

Only the standard library is needed, so that a command which reads records alone does not pay for the mathematics.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, BufferedWriter
from pathlib import Path, PurePosixPath

NONBLOCKING = getattr(os, "O_NONBLOCK", 0)
"""A pipe that nobody writes to is opened at once instead of never."""
MAX_TEXT_BYTES = 1 << 30
"""Most bytes of a file that is read whole: a record of a million jobs has about as many."""
MAX_NAME_BYTES = 200
"""Most bytes of a name: file systems take 255, and ends such as ``.parquet.part`` are added."""
PART = ".part"
"""What the name of a file ends with until it is whole."""


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a file for reading; a pipe, a device or a directory of its name is an OSError, and nothing is waited for."""
    descriptor = os.open(path, os.O_RDONLY | NONBLOCKING | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        yield file


def text_of(path: Path) -> str:
    """Return the text of a file, which must be one, in UTF-8 and of a size that can be read whole."""
    with opened(path) as file:
        content = file.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {MAX_TEXT_BYTES >> 20} MB", str(path))
    return content.decode("utf-8")


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[BufferedWriter]:
    """Give a file to write into, which gets its name when all is written; a link of that name is replaced.

    Parameters
    ----------
    path
        The name.
    durable
        Whether the content is on the disk itself before the file has its name, so that it outlives a loss of power.
    """
    part = path.with_name(path.name + PART)
    part.unlink(missing_ok=True)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    if durable:
        _keep_names(path.parent)


def _keep_names(directory: Path) -> None:
    """Write the names in a directory through to the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def put_in_place(part: Path, path: Path) -> None:
    """Give what has been written its name, by one rename; a file, a link or a folder of that name is replaced.

    A folder cannot replace anything by a rename, nor be replaced: what was there is put aside before.
    """
    if not os.path.lexists(path) or not (_is_folder(part) or _is_folder(path)):
        part.replace(path)
        return
    old = path.with_name(f"{path.name}.old{PART}")
    remove(old)
    path.rename(old)
    part.rename(path)
    remove(old)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def is_inside(name: str) -> bool:
    """Tell whether a recorded path leads from a directory to something in it, spelled the one way that we spell it."""
    parts = PurePosixPath(name).parts
    return bool(parts) and "/".join(parts) == name and "\0" not in name and not {"..", "/"} & set(parts)


def fault_of_name(name: str) -> str | None:
    """Say what keeps a name from being that of a file, None if nothing does."""
    if not name or name in (".", ".."):
        return "is no name"
    if any(letter in "/\\<>" or not letter.isprintable() for letter in name):
        return "holds a slash, an angle bracket or a character that cannot be printed"
    size = len(name.encode("utf-8", errors="surrogateescape"))
    return f"has {size} bytes, and a file's name at most {MAX_NAME_BYTES}" if size > MAX_NAME_BYTES else None
