"""Where a result comes from: commit, versions, processor, threads.

Floating-point results are the same bits only for the same NumPy, processor features and threads, so these are
written down beside the commit and the resolved configuration. Everything here is plain data: dictionaries,
lists, texts, numbers.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments import THREADS

DISTRIBUTIONS = (
    "derivative-lab", "numpy", "pandas", "pyarrow", "matplotlib", "hydra-core", "omegaconf",
    "python-flint", "jinja2", "rich",
)  # fmt: skip

VARIABLES = ("OMP_NUM_THREADS", *THREADS, "NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE", "GLIBC_TUNABLES")
"""What chooses the number of threads, or which version of a loop NumPy, OpenBLAS and libm run."""

THREAD_COUNTERS = (
    "scipy_openblas_get_num_threads64_", "openblas_get_num_threads64_", "openblas_get_num_threads",
)  # fmt: skip
"""What the builds of OpenBLAS call the function that gives the size of its pool."""

LARGEST_HASHED = 1 << 20
"""Bytes of an untracked file up to which its content counts; of a larger one only the size does."""


def environment() -> dict[str, object]:
    """Return what the bits of a result may depend on, apart from the code: a few milliseconds."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.release()}".strip(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "cpu": _processor(),
        "cpus": os.cpu_count(),
        "cpus_usable": usable_processors(),
        "cpu_features": _enabled_features(),
        "blas": _blas(),
        "variables": {name: os.environ.get(name) for name in VARIABLES},
        "versions": {name: _version(name) for name in DISTRIBUTIONS},
    }


@functools.cache
def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None) or platform.processor() or None


def usable_processors() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@functools.cache
def _enabled_features() -> list[str]:
    # NumPy keeps this table private, yet no other place says which loops run.
    from numpy._core import _multiarray_umath as core  # type: ignore[attr-defined]  # noqa: PLC0415 - private, late

    features: dict[str, bool] = core.__cpu_features__

    return sorted(name for name, enabled in features.items() if enabled)


def _blas() -> dict[str, object]:
    import numpy as np  # noqa: PLC0415 - the room itself needs the standard library only

    built: dict[str, dict[str, dict[str, object]]] = np.show_config(mode="dicts")  # type: ignore[assignment]
    blas = built["Build Dependencies"]["blas"]
    return {"name": blas.get("name"), "version": blas.get("version"), "threads": _blas_threads()}


def _blas_threads() -> int | None:
    """Return the number of threads of the loaded OpenBLAS, None for another library."""
    from numpy.linalg import _umath_linalg  # noqa: PLC0415 - as above

    library = ctypes.CDLL(_umath_linalg.__file__)
    counters = (getattr(library, name, None) for name in THREAD_COUNTERS)
    return next((int(count()) for count in counters if count), None)


@functools.cache
def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


class _NoGitError(Exception):
    """Git cannot say where the code comes from; the message says why."""


def source(directory: Path) -> dict[str, object]:
    """Return the commit of the code and what differs from it.

    Parameters
    ----------
    directory
        Root of the project: the directory that holds the packages.

    Returns
    -------
    dict
        ``commit``; ``dirty``; ``diff``, the SHA-256 of the changes to tracked files, None without any;
        ``untracked``, the files Git neither tracks nor ignores, with a SHA-256 of them; ``reason``, a
        sentence that says why the commit is None.
    """
    try:
        return _source(Path(directory).resolve())
    except _NoGitError as reason:
        return {"commit": None, "dirty": None, "diff": None, "untracked": None, "reason": str(reason)}


def _source(directory: Path) -> dict[str, object]:
    # An installed copy may lie inside somebody else's checkout, whose commit says nothing about this code.
    root = os.fsdecode(_git(directory, "rev-parse", "--show-toplevel").rstrip(b"\n"))
    if Path(root).resolve() != directory:
        raise _NoGitError("the code does not lie at the root of a Git checkout")
    listing = _git(directory, "status", "--porcelain=v2", "--branch", "--untracked-files=all", "-z")
    status = listing.split(b"\0")
    commit = next(line.split()[-1].decode() for line in status if line.startswith(b"# branch.oid "))
    if commit == "(initial)":
        raise _NoGitError("the Git checkout has no commit yet")
    changed = any(line[:2] in (b"1 ", b"2 ", b"u ") for line in status)
    untracked = sorted(line[2:] for line in status if line.startswith(b"? "))
    diff = _git(directory, "diff", "HEAD", "--binary", "--no-color", "--no-ext-diff") if changed else None
    return {
        "commit": commit,
        "dirty": changed or bool(untracked),
        "diff": hashlib.sha256(diff).hexdigest() if diff is not None else None,
        "untracked": _untracked(directory, untracked),
        "reason": None,
    }


def _git(directory: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - the words are ours, and no shell reads them
            ["git", "-C", str(directory), *arguments],  # noqa: S607 - the user's own Git
            capture_output=True,
            check=False,
            timeout=20,
            env={**_outside_hooks(os.environ), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except FileNotFoundError as problem:
        raise _NoGitError("Git is not installed") from problem
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise _NoGitError(f"Git does not answer: {problem}") from problem
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise _NoGitError(lines[0] if lines else f"git {arguments[0]} ended with status {done.returncode}")
    return done.stdout


def _outside_hooks(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those by which a Git hook points at the repository it runs for."""
    pointers = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    return {name: value for name, value in variables.items() if name not in pointers}


def _untracked(directory: Path, names: Sequence[bytes]) -> dict[str, object] | None:
    if not names:
        return None
    content = hashlib.sha256()
    for name in names:
        content.update(b"%d %s %s\n" % (len(name), name, _file_digest(directory / os.fsdecode(name))))
    files = [os.fsdecode(name) for name in names[:100]]
    return {"count": len(names), "files": files, "hash": content.hexdigest()}


def _file_digest(path: Path) -> bytes:
    """Return the SHA-256 of a small file, the size of a large one, nothing of one that cannot be read."""
    try:
        size = path.stat().st_size
        whole = size <= LARGEST_HASHED and path.is_file()
        return hashlib.sha256(path.read_bytes()).hexdigest().encode() if whole else b"%d bytes" % size
    except OSError:
        return b""
