"""Where a result comes from: commit, versions, processor, threads, and the record of a run.

Floating-point results are the same bits only for the same NumPy, processor features and threads, so these are
written down beside the commit and the resolved configuration. Everything here is plain data: dictionaries,
lists, texts, numbers.
"""

from __future__ import annotations

import ctypes
import dataclasses
import hashlib
import importlib.metadata
import json
import math
import numbers
import os
import platform
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments import THREADS
from experiments import files as disk

FORMAT = 2
"""Version of the layout of run.json and of the directory it lies in."""

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
    found = (getattr(library, name, None) for name in THREAD_COUNTERS)
    return next((int(count()) for count in found if count), None)


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


def plain(value: object) -> object:
    """Return a value as JSON can hold it.

    Floats that are not finite become text, tuples lists, frozen dataclasses mappings of their fields, times
    ISO 8601 in UTC.
    """
    for kinds, convert in CONVERTERS:
        if isinstance(value, kinds):
            return convert(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} is not plain data: {value!r:.60}")


def _finite(value: float) -> float | str:
    value = float(value)
    return value if math.isfinite(value) else repr(value)


def _items(values: Sequence[object]) -> list[object]:
    """Convert what a list holds; the numbers of a long grid, which stay what they are, are not asked one by one."""
    return [value if type(value) is float and math.isfinite(value) else plain(value) for value in values]


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a record's keys are text, not {type(key).__name__}: {key!r:.60}")
    return key


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; use datetime.now(UTC)")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


# The first row that fits decides, so bool stands before the integers.
CONVERTERS: tuple[tuple[tuple[type, ...], Callable[[Any], object]], ...] = (
    ((bool, type(None)), lambda value: value),
    ((str,), str),
    ((Mapping,), lambda value: {_key(key): plain(item) for key, item in value.items()}),
    ((list, tuple), _items),
    ((numbers.Integral,), int),
    ((numbers.Real,), _finite),
    ((datetime,), _utc),
    ((os.PathLike,), os.fspath),
)


def configuration_hash(configuration: Mapping[str, object]) -> str:
    """Return the SHA-256 of a resolved configuration; the order of its keys does not enter.

    ``1`` and ``1.0`` are different configurations, and so are ``0.0`` and ``-0.0``; a list and a tuple of the
    same values are one.
    """
    text = json.dumps(plain(configuration), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def write_json(path: Path, content: object) -> None:
    """Write plain data as readable JSON; the file appears whole or not at all, and is on the disk when it does."""
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with disk.replacing(path, durable=True) as file:
        # Bytes of the command line that are not UTF-8 become \udcXX, which is how JSON spells them.
        file.write(text.encode("utf-8", errors="backslashreplace"))


def job_record(  # noqa: PLR0913 - one argument for each entry, all by keyword
    *,
    number: int,
    overrides: Sequence[str],
    configuration: Mapping[str, object],
    status: str,
    seconds: float,
    error: str | None = None,
    tables: Mapping[str, object] | None = None,
    files: Mapping[str, object] | None = None,
    environment: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Return the record of one job: the content of its job.json.

    Parameters
    ----------
    number
        Place of the job in the run, which is the name of its directory.
    overrides
        What distinguishes this job, as Hydra says it.
    configuration
        The resolved configuration, enough to compute the job again.
    status
        How it ended.
    seconds
        Time it took.
    error
        One line that says what went wrong.
    tables
        For each table its `rows` and `hash`: a mapping or a record with these fields.
    files
        Bytes and checksum of each file that holds the result, by its name.
    environment
        Of the process that computed it; the entry in run.json has None where that is the environment of the run.
    """
    return {
        "number": number,
        "overrides": list(overrides),
        "configuration": plain(configuration),
        "hash": configuration_hash(configuration),
        "status": status,
        "seconds": seconds,
        "error": error,
        "tables": plain(tables or {}),
        "files": plain(files or {}),
        "environment": plain(environment),
    }


def run_record(  # noqa: PLR0913 - one argument for each entry, all by keyword
    *,
    experiment: str,
    command: Sequence[str],
    overrides: Sequence[str],
    jobs: Sequence[Mapping[str, object]],
    tables: Mapping[str, object],
    files: Mapping[str, object],
    best: Mapping[str, object] | None,
    seed: object,
    started: datetime,
    seconds: float,
    status: int,
    directory: str,
    source: Mapping[str, object],
    environment: Mapping[str, object],
    resumed: Sequence[Mapping[str, object]] = (),
    repeats: Mapping[str, object] | None = None,
    search: object | None = None,
    writing: Sequence[str] = (),
    host: str | None = None,
) -> dict[str, object]:
    """Return the content of run.json, from which a run can be repeated and resumed.

    Parameters
    ----------
    experiment
        Name of the study.
    command
        The words of the command line as typed, the interpreter included.
    overrides
        Those of them that are overrides, as given to Hydra.
    jobs
        Records made by `job_record`; they are kept in the order of their numbers.
    tables
        For each gathered table its `rows` and `hash`.
    files
        Bytes and checksum of every file, by its path from the run's directory.
    best
        The smallest error of the main table and the keys of its row.
    seed
        Seed of the run, a list where the jobs have several, None when nothing is drawn.
    started
        When the run began, with its time zone.
    seconds
        Time it took; of a resumed run, since it was resumed.
    status
        Exit status.
    directory
        Where the command was typed.
    source, environment
        What the functions of these names returned.
    resumed
        When the run was taken up again, each time with the source and the environment of then.
    repeats
        Of which run this one is a repetition.
    search
        What a search draws its jobs from, and how; the record of another run does not tell of it.
    writing
        The files that are being written: what is there of them is the run's own, whole or half. None once it is over.
    host
        The machine on which the run began, None for this one.
    """
    return {
        "format": FORMAT,
        "experiment": experiment,
        "command": shlex.join(command),
        "arguments": list(command),
        "overrides": list(overrides),
        "started": _utc(started),
        "seconds": seconds,
        "status": status,
        "seed": plain(seed),
        "tables": plain(tables),
        "best": plain(best),
        "jobs": [plain(job) for job in sorted(jobs, key=_number)],
        "cwd": directory,
        "host": platform.node() if host is None else host,
        "source": plain(source),
        "environment": plain(environment),
        "resumed": plain(resumed),
        "repeats": plain(repeats),
        "files": plain(files),
        **({} if search is None else {"search": plain(search)}),
        **({"writing": list(writing)} if writing else {}),
    }


def _number(job: Mapping[str, object]) -> int:
    number = job["number"]
    if not isinstance(number, int):
        raise TypeError(f"the number of a job is an int, not {number!r}")
    return number
