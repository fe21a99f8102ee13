"""Processes as the operating system lists them."""

from pathlib import Path


def workers(parent: int) -> list[int]:
    """Processes below a process that compute jobs: descendants whose command is Python's."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
            except OSError:  # it has just ended
                continue
    found, open_ends = [], [parent]
    while open_ends:
        below = children.get(open_ends.pop(), [])
        found += below
        open_ends += below
    return found
