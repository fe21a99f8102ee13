"""Whether a directory holds what was written into it: checksums of files, and the one process that may write.

A file is compared by its length and its SHA-256, so that a damaged one is found whatever it holds. A lock is the
kernel's, which forgets it when its process dies, however it dies: nothing stale is ever left to be removed by hand.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from weakref import WeakSet

from experiments import files
from experiments.messages import ConfigurationError
from experiments.running.record import Digest

try:
    import fcntl
except ImportError:  # not a Unix: nothing is locked there
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
"""The file by which a directory is held; it stays, and says who held it last."""


ATTEMPTS, SECONDS_BETWEEN_ATTEMPTS = 20, 0.05
"""How often a lock is tried before it counts as held, and the seconds between: `runs` shares it for a moment."""

_LOCKED: WeakSet[IO[str]] = WeakSet()
"""The files whose locks this process has."""


def digest(path: Path) -> Digest:
    """Return the length of a file and the SHA-256 of its bytes; memory stays flat."""
    with files.opened(path) as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": file.tell(), "sha256": content}


def digests(directory: Path, paths: Iterable[Path]) -> dict[str, Digest]:
    """Return the digest of each file, by its path from a directory."""
    return {path.relative_to(directory).as_posix(): digest(path) for path in sorted(paths)}


def damage(directory: Path, recorded: Mapping[str, Digest]) -> str | None:
    """Say what is wrong with the first file that is not as it was recorded; None when all are.

    Parameters
    ----------
    directory
        Where the files lie.
    recorded
        What `digests` returned when they were written.
    """
    for name, wanted in recorded.items():
        path = directory / name
        if not files.is_inside(name):
            return f"{name} is not in the directory of what was written"
        try:
            size = path.stat().st_size
            if size != wanted["bytes"]:
                return f"{name} has {size} bytes, not the {wanted['bytes']} that were written"
            if digest(path) != wanted:
                return f"{name} does not have the checksum of what was written"
        except OSError as problem:
            return f"{name} cannot be read: {problem.strerror}"
    return None


def fault_of(directory: Path, name: str, recorded: Mapping[str, Digest]) -> str | None:
    """Say what is wrong with a file, or with a folder and all that is in it; None where it is as it was recorded.

    Parameters
    ----------
    directory
        Where it lies.
    name
        Its path from there.
    recorded
        What `digests` returned of it, and perhaps of other files.
    """
    of_it = below(name, recorded)
    if not of_it:
        return "its record has no checksum"
    extra = set(names_in(directory, name)) - of_it.keys()
    return f"{min(extra)} is not what was written" if extra else damage(directory, of_it)


def below(name: str, recorded: Mapping[str, Digest]) -> dict[str, Digest]:
    """Return the digest of a file, or those of all files in a folder."""
    return {path: digest for path, digest in recorded.items() if path == name or path.startswith(f"{name}/")}


def names_in(directory: Path, name: str) -> list[str]:
    """Return the path of a file from a directory, or those of all that is in a folder; none of what is not there."""
    path = directory / name
    if path.is_dir() and not path.is_symlink():
        return sorted(part.relative_to(directory).as_posix() for part in path.rglob("*"))
    return [name] if path.is_file() else []


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold a run's directory as the only process, from here or from another machine that shares it.

    Raises
    ------
    ConfigurationError
        If another process holds it.
    """
    with (directory / LOCK).open("a+", encoding="utf-8") as file:
        if not _taken_soon(file):
            file.seek(0)
            raise ConfigurationError(
                f"{directory} is in use by {file.read().strip() or 'another process'}; wait until it has ended"
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        yield


def is_held(directory: Path) -> bool:
    """Tell whether a process holds a run's directory; the kernel forgets its lock when it dies."""
    if fcntl is None:
        return False
    try:
        with files.opened(directory / LOCK) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def taken(file: IO[str], *, wait: bool) -> bool:
    """Take the lock of an open file until it is closed; say whether this succeeded.

    A file system that knows no locks refuses nobody.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    _LOCKED.add(file)
    return True


def _taken_soon(file: IO[str]) -> bool:
    for _ in range(ATTEMPTS):
        if taken(file, wait=False):
            return True
        time.sleep(SECONDS_BETWEEN_ATTEMPTS)
    return False


def _let_go() -> None:
    """Give up the locks in a process that was forked, which would hold them for as long as it lives."""
    for file in _LOCKED:
        if not file.closed:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, file.fileno(), inheritable=False)
            os.close(null)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
