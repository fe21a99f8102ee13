"""The standard streams: a terminal that vanishes, a full disk or a closed descriptor loses words, never work.

A command secures its streams once, before it does anything. From then on a descriptor that refuses bytes becomes the
null device, for everybody who writes to it: the command, the libraries, and the functions of those who run it.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TextIO

from experiments.terminal.exits import Exit

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NOBODY_READS = (errno.EPIPE, errno.EIO)
"""How a pipe says that its reader has gone, as `| head` does, and a terminal that it was closed."""


class Lenient(io.RawIOBase):
    """A descriptor that takes whatever is written: once it refuses, it is the null device."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.lost: OSError | None = None
        """Why words were lost, None while none were."""

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Tell whether it is a terminal that is still there."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, content: ReadableBuffer, /) -> int:
        """Write what the descriptor takes, and return how many bytes that was."""
        while True:
            try:
                return os.write(self._descriptor, content)
            except BlockingIOError:  # somebody has made the pipe a non-blocking one
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.lost = error
                _discard(self._descriptor)
                return memoryview(content).nbytes


def secure() -> None:
    """Make the standard streams such that nothing ends the process which writes to them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: the next file to be opened would become a standard stream
            _discard(descriptor)
    for name in ("stdout", "stderr"):
        setattr(sys, name, _secured(getattr(sys, name)))


def written(status: int) -> int:
    """Return the exit status of a command whose only result is what it prints."""
    return Exit.WRONG if _unwritten() else status


def process(main: Callable[[], int]) -> NoReturn:
    """Be the process of a command: secure its streams, run it, and leave with its exit status."""
    secure()
    try:
        status = main()
    except SystemExit as left:  # argparse has printed its help
        status = written(left.code if isinstance(left.code, int) else 0)
    except KeyboardInterrupt:  # another one, while the command said that it was interrupted
        status = Exit.INTERRUPTED
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is said, and Ctrl-C ends what libraries do at exit
    lost = _unwritten()
    if lost:
        sys.stderr.write(f"error: what was printed is not complete: {lost.strerror}\n")
    gc.freeze()  # what is left ends with the process, and looking it over would take a twentieth of a second
    sys.exit(status)


def _secured(stream: TextIO | None) -> TextIO:
    if stream is None:  # Python has found it closed
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for as long as the process lives
    try:
        stream.flush()
    except OSError:
        _discard(stream.fileno())
    return io.TextIOWrapper(
        io.BufferedWriter(Lenient(stream.fileno())),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=getattr(stream, "line_buffering", False),
        write_through=getattr(stream, "write_through", False),
    )


def _discard(descriptor: int) -> None:
    """Let a descriptor be the null device, here and in processes that are started."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - the one argument it has


def _unwritten() -> OSError | None:
    """Return why the standard output has lost words that somebody wanted to read."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    lost = raw.lost if isinstance(raw, Lenient) else None
    return None if lost is None or lost.errno in NOBODY_READS else lost
