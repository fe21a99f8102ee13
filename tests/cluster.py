"""A cluster of one machine: stands in for sbatch, srun, sacct and scancel of SLURM, as far as submitit uses them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

COMMANDS = ("sbatch", "srun", "sacct", "scancel")

PROGRAM = '''\
#!{python}
import os, re, signal, subprocess, sys
from pathlib import Path

HERE = Path(__file__).resolve().parent / "state"
NUMBER = "4711"


def sbatch(script):
    """Queue the tasks of an array, and return while a process of its own works them off."""
    HERE.mkdir(exist_ok=True)
    number = NUMBER + str(len(list(HERE.glob("*.script"))))
    text = Path(script).read_text()
    (HERE / (number + ".script")).write_text(text)
    found = re.search("--array=0-([0-9]+)%([0-9]+)", text)
    tasks = range(int(found[1]) + 1) if found else [None]
    at_once = int(found[2]) if found else 1
    names = [number if task is None else f"{{number}}_{{task}}" for task in tasks]
    for name in names:
        (HERE / name).write_text("PENDING 0")
    print("Submitted batch job", number, flush=True)
    if os.fork() == 0:
        os.setsid()
        for stream in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        running = []
        while names or running:
            while names and len(running) < at_once:
                running.append(start(number, names.pop(0)))
            name, process = running.pop(0)
            status = process.wait()
            if not (HERE / name).read_text().startswith("CANCELLED"):
                (HERE / name).write_text(("FAILED" if status else "COMPLETED") + " 0")


def start(number, name):
    given = {{"SLURM_JOB_ID": number, "SLURM_NTASKS": "1", "SLURM_JOB_NUM_NODES": "1", "SLURM_NODEID": "0"}}
    given |= {{"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_JOB_NODELIST": "here", "PROGRAM_OF_SLURM": name}}
    if "_" in name:
        given |= dict(zip(("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"), name.split("_")))
    if (HERE / name).read_text().startswith("CANCELLED"):
        return name, subprocess.Popen(["true"])
    script = HERE / (number + ".script")
    process = subprocess.Popen(["bash", script], env={{**os.environ, **given}}, start_new_session=True)
    (HERE / name).write_text(f"RUNNING {{process.pid}}")
    return name, process


def srun(*words):
    words, where = list(words), {{}}
    while words[0].startswith("--"):
        word = words.pop(0)
        if word in ("--output", "--error"):
            where[word] = words.pop(0)
    name = os.environ["PROGRAM_OF_SLURM"]
    number, _, task = name.partition("_")
    for stream, option in ((1, "--output"), (2, "--error")):
        path = where[option]
        for letter, value in (("%j", name), ("%A", number), ("%a", task), ("%t", "0")):
            path = path.replace(letter, value)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), stream)
    os.execvp(words[0], words)


def sacct(*words):
    print("JobID|State|NodeList")
    for path in sorted(HERE.glob("[0-9]*")):
        if path.suffix != ".script":
            print(path.name, path.read_text().split()[0], "here", sep="|")


def scancel(*names):
    for name in names:
        state, pid = (HERE / name).read_text().split()
        if state in ("PENDING", "RUNNING"):
            (HERE / name).write_text("CANCELLED 0")
        if state == "RUNNING":
            os.killpg(int(pid), signal.SIGKILL)  # as SLURM does when a job does not end by itself


globals()[Path(sys.argv[0]).name](*sys.argv[1:])
'''


def installed(directory: Path) -> str:
    """Write the commands into a directory and return a PATH on which they come first."""
    directory.mkdir()
    for command in COMMANDS:
        path = directory / command
        path.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
        path.chmod(0o755)
    return f"{directory}{os.pathsep}{os.environ['PATH']}"


def queue(directory: Path) -> dict[str, str]:
    """Return how each job stands."""
    states = (directory / "state").glob("[0-9]*")
    return {path.name: path.read_text().split()[0] for path in states if path.suffix != ".script"}
