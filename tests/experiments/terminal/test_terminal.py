"""The terminal: plain lines in a pipe, short numbers, progress that does not chatter, errors in one line."""

from __future__ import annotations

import errno
import io
import itertools
import math
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from experiments.terminal import progress as terminal
from experiments.terminal import streams
from experiments.terminal.progress import Terminal

SUMMARY = {
    "function": ["exp", "sin"],
    "x": [1.0, math.pi / 2],
    "method": ["forward_1", "central_4"],
    "best_delta": [1.23456e-8, 1e-3],
    "typical_error": [2.43e-9, math.nan],
    "predicted_delta": [2.1e-8, 2.2e-3],
    "predicted_error": [2.1e-8, 2.2e-13],
    "estimates": ["1e-4: 2.0e-04, 1e-8: 2.4e-08", ""],
}


class Stream(io.TextIOWrapper):
    """A stream with an encoding that may claim to be a terminal."""

    def __init__(self, encoding="utf-8", *, tty=False):
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self.tty = tty

    def isatty(self):
        return self.tty

    @property
    def said(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


class Clock:
    """Time that passes only when told."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def say(action, **options):
    out, err = Stream(**options), Stream(**options)
    action(Terminal(out=out, err=err))
    return out.said, err.said


def test_a_summary_in_a_pipe_is_plain_and_aligned_with_short_numbers():
    out, err = say(lambda to: to.summary(SUMMARY))
    assert err == ""
    assert out.splitlines() == [
        "function       x  method         best   typical  predicted  predicted  estimates",
        "                                delta     error      delta      error",
        "exp            1  forward_1  1.23e-08  2.43e-09    2.1e-08    2.1e-08  1e-4: 2.0e-04, 1e-8: 2.4e-08",
        "sin       1.5708  central_4     1e-03         -    2.2e-03    2.2e-13  -",
    ]


def test_a_value_has_the_digits_that_the_column_beside_it_vouches_for():
    columns = {"slope": [4.0001999999987845, 2.7, math.nan], "rounding": [9e-12, 0.4, math.nan]}
    out, _ = say(lambda to: to.summary(columns, good_to={"slope": "rounding"}))
    assert out.split() == ["slope", "4.0002", "3", "-"]


@pytest.mark.parametrize("tty", [False, True])
def test_what_does_not_fit_goes_on_below_with_the_keys_once_more_and_nothing_is_cut(monkeypatch, tty):
    monkeypatch.setenv("COLUMNS", "60")
    said = "from the left the slope grows like delta^-0.67, which is what a vertical tangent does"
    columns = {
        "function": ["cube_root", "max(0, w*x + b)"],
        **{f"number_{k}": [0.123456789, 1e-9] for k in range(6)},
        "said": [said, ""],
    }
    out, _ = say(lambda to: to.summary(columns, keys=["function"]), tty=tty)
    lines = re.sub("\x1b\\[[0-9;]*m", "", out).splitlines()
    assert max(map(len, lines)) <= 60
    assert out.count("1e-09") == 6
    assert "..." not in out
    assert "max(0, w*x + b)" in out
    assert [line.split()[0] for line in lines].count("cube_root") == len([line for line in lines if "function" in line])
    assert " ".join(" ".join(lines[-2:]).split()).endswith(said.split("like ")[1].replace(", ", " "))


def test_a_sentence_is_broken_between_words_alone(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    sentence = "The order of accuracy was observed in all 18 sweeps, at most 1e-08 from theory."
    out, _ = say(lambda to: to.sentences([sentence]))
    assert " ".join(out.split("\n")).strip() == sentence
    assert max(map(len, out.splitlines())) <= 40
    monkeypatch.delenv("COLUMNS")
    assert say(lambda to: to.sentences([sentence]))[0] == f"{sentence}\n"


def test_a_column_without_anything_to_say_is_left_out():
    out, _ = say(lambda to: to.summary({**SUMMARY, "estimates": ["", ""], "best_delta": [None, math.nan]}))
    assert "estimates" not in out
    assert "best" not in out
    assert "typical" in out


def test_an_empty_summary_prints_nothing():
    assert say(lambda to: to.summary({})) == ("", "")
    assert say(lambda to: to.summary({"function": [], "x": []})) == ("", "")


@pytest.mark.parametrize("tty", [False, True])
def test_a_long_summary_ends_after_thirty_rows_and_says_where_the_rest_is(tty):
    columns = {"function": [f"f{k}" for k in range(300)], "x": np.arange(300)}
    out, _ = say(lambda to: to.summary(columns, table="summary.parquet"), tty=tty)
    assert "f29" in out
    assert "f30" not in out
    assert out.splitlines()[-1] == "... and 270 more rows in summary.parquet"


@pytest.mark.parametrize("tty", [False, True])
def test_a_narrow_line_breaks_lists_at_their_commas_and_goes_without_the_spare_columns(monkeypatch, tty):
    monkeypatch.setenv("COLUMNS", "78")
    out, _ = say(lambda to: to.summary(SUMMARY), tty=tty)
    lines = re.sub("\x1b\\[[0-9;]*m", "", out).splitlines()
    assert max(map(len, lines)) <= 78
    assert "predicted" not in out
    assert [line.split()[-2:] for line in lines[2:4]] == [["1e-4:", "2.0e-04"], ["1e-8:", "2.4e-08"]]


def test_a_terminal_gets_a_drawn_table_in_which_brackets_are_text():
    columns = {"function": ["[bold]x[/bold] :smile:"], "x": [1.0]}
    out, _ = say(lambda to: to.summary(columns), tty=True)
    assert "[bold]x[/bold] :smile:" in out
    assert "\x1b[1m" in out


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    out, _ = say(lambda to: to.summary(SUMMARY), tty=True)
    assert "\x1b" not in out
    assert work(seconds=60, tty=True) == work(seconds=60)


def test_no_color_is_respected_by_the_bar(monkeypatch):
    colours = "\x1b\\[(?:[0-9;]*;)?(?:3[0-9]|9[0-7])[;m]"
    assert re.search(colours, bar()[1])
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(colours, bar()[1])


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("tty", [False, True])
def test_a_terminal_without_unicode_gets_replacements_and_no_crash(encoding, tty):
    def everything(to):
        to.summary({"function": ["φ(x) ≤ 1"], "x": [1.0]})
        to.paths([("rapport ≤", "/tmp/φ")])
        to.error("φ ≠ 1")
        to.note("φ")

    out, err = say(everything, encoding=encoding, tty=tty)
    assert "?(x) ? 1" in out
    assert "/tmp/?" in out
    assert err == "error: ? ? 1\n?\n"
    assert "rows" in bar(encoding=encoding)[1]


def test_an_error_is_one_line_without_control_characters():
    out, err = say(lambda to: to.error("delta=\x1b[31mabc:\nnot a number\r\n"))
    assert out == ""
    assert err == "error: delta=?[31mabc: not a number\n"


def test_paths_are_aligned_and_never_broken(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    long = Path("/a") / ("b" * 100) / "report.html"
    for tty in (False, True):
        out, _ = say(lambda to: to.paths([("report", long), ("all", "table.parquet")]), tty=tty)
        assert out.splitlines() == [f"report  {long}", "all     table.parquet"]


# Progress


def work(*, seconds, tty=False, encoding="utf-8", rows=1000):
    """The words of a run of 100 chunks that takes so long."""
    clock, err = Clock(), Stream(encoding, tty=tty)
    with Terminal(out=Stream(), err=err, clock=clock).progress(jobs=2, rows=rows) as progress:
        for job in (1, 2):
            progress.start(job, f"delta=1e-{job}")
            for _ in range(50):
                clock.now += seconds / 100
                progress.advance(10)
    return err.said


def bar(encoding="utf-8"):
    return "", work(seconds=5, tty=True, encoding=encoding)


def test_short_work_is_done_in_silence():
    assert work(seconds=1.9) == ""


def test_long_work_in_a_pipe_says_one_plain_line_in_ten_seconds():
    said = work(seconds=60)
    lines = said.splitlines()
    times = [float(re.search(r"(\d+) s", line)[1]) for line in lines]
    assert "\x1b" not in said
    assert "\r" not in said
    assert all(later - earlier >= 9.5 for earlier, later in itertools.pairwise(times[:-1]))
    assert 5 <= len(lines) <= 8
    assert lines[1] == "job 1 of 2 (delta=1e-1): 210 of 1000 rows, 21 %, 13 s, 47 s left"
    assert lines[-1] == "job 2 of 2 (delta=1e-2): 1000 of 1000 rows, 60 s in all"


def test_rows_that_were_foreseen_and_did_not_come_are_not_counted_in_the_end():
    lines = work(seconds=60, rows=1200).splitlines()
    assert "210 of 1200 rows" in lines[1]
    assert lines[-1] == "job 2 of 2 (delta=1e-2): 1000 rows, 60 s in all"


def test_progress_without_a_known_number_of_rows_counts_them():
    assert "job 2 of 2 (delta=1e-2): 1000 rows, 60 s in all" in work(seconds=60, rows=None)
    assert "1000 rows" in work(seconds=60, rows=None, tty=True)


def counted(*, seconds, before=0, tty=False):
    """The words of a run of 10 jobs in other processes, of which some were done before."""
    clock, err = Clock(), Stream(tty=tty)
    with Terminal(out=Stream(), err=err, clock=clock).progress(jobs=10, rows=1000) as progress:
        progress.finished(before)
        for done in range(before + 1, 11):
            clock.now += seconds / 10
            progress.finished(done)
    return err.said


def test_jobs_of_other_processes_are_counted_with_the_time_left():
    lines = counted(seconds=1000).splitlines()
    assert lines[0] == "1 of 10 jobs, 10 %, 100 s, 15 min left"
    assert lines[8] == "9 of 10 jobs, 90 %, 900 s, 2 min left"
    assert lines[-1] == "10 of 10 jobs, 1000 s in all"
    assert counted(seconds=100_000).splitlines()[0].endswith(", 25 h 0 min left")
    assert "10 of 10 jobs" in counted(seconds=60, tty=True)


def test_what_was_done_before_does_not_shorten_the_time_left():
    assert counted(seconds=600, before=8).splitlines()[0] == "9 of 10 jobs, 90 %, 60 s, 60 s left"


@pytest.mark.parametrize("tty", [False, True])
def test_a_quiet_terminal_says_errors_warnings_and_paths_only(tty):
    token = terminal.QUIET.set(True)
    try:
        out, err = Stream(tty=tty), Stream(tty=tty)
        to = Terminal(out=out, err=err)
        with to.progress(jobs=1, rows=10) as progress:
            progress.start(1)
            progress.advance(5)
        to.summary(SUMMARY)
        to.printed(["what a study prints"])
        to.note("a warning")
        to.error("an error")
        to.paths([("report", "report.html")])
    finally:
        terminal.QUIET.reset(token)
    assert out.said == "report  report.html\n"
    assert err.said == "a warning\nerror: an error\n"


def test_a_terminal_gets_a_bar_that_leaves_the_screen_as_it_was():
    said = bar()[1]
    assert "1000 of 1000 rows" in said
    assert said.endswith("\x1b[1A\x1b[2K")
    assert said.count("\x1b[?25l") == said.count("\x1b[?25h") == 1


def test_progress_ends_in_order_when_the_work_fails():
    clock, err = Clock(), Stream(tty=True)
    to = Terminal(out=Stream(), err=err, clock=clock)
    with pytest.raises(ZeroDivisionError), to.progress(jobs=1, rows=10) as progress:  # noqa: PT012 - one job
        clock.now += 5
        progress.start(1)
        raise ZeroDivisionError
    assert "\x1b[?25h" in err.said


# Processes


def run(code, **options):
    root = str(Path(terminal.__file__).parents[2])
    return subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, **options)


def test_rich_is_not_imported_where_nothing_is_drawn():
    code = (
        "import sys; from experiments.terminal.progress import Terminal; to = Terminal()\n"
        "with to.progress(jobs=1, rows=1) as p: p.start(1); p.advance(1)\n"
        "to.summary({'x': [1.0]}); to.paths([('a', 'b')])\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'rich'])"
    )
    assert run(code).stdout.splitlines()[-1] == "[]"


def test_a_reader_that_has_gone_does_not_break_the_run():
    code = (
        "import os, sys; from experiments.terminal import streams; from experiments.terminal.progress import Terminal\n"
        "r, w = os.pipe(); os.close(r); os.dup2(w, 1); streams.secure()\n"
        "to = Terminal(); to.paths([('a', 'b'), ('c', 'd')]); to.note('the run goes on')"
    )
    assert run(code).stderr == "the run goes on\n"


SPEAKS = """
import os, sys
from experiments.terminal import streams
from experiments.terminal.progress import Terminal

def main():
    Terminal().line("a result")
    Terminal().note("a note")
    print("x" * 100_000)
    open("whole", "w").write(f"{os.fstat(1).st_rdev == os.stat(os.devnull).st_rdev}")
    return 0

streams.process(main)
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize(
    ("redirected", "err"),
    [
        (">/dev/full", "a note\nerror: what was printed is not complete: No space left on device\n"),
        (">&-", "a note\n"),
        ("2>/dev/full", ""),
        ("2>&-", ""),
        (">/dev/full 2>/dev/full", ""),
        (">&- 2>&-", ""),
        ("<&- >&- 2>&-", ""),
        ("| head -c 1", "a note\n"),
    ],
)
def test_a_stream_that_takes_no_words_loses_words_and_no_work(redirected: str, err: str, tmp_path: Path):
    command = f'"$0" -c "$1" {redirected}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, SPEAKS], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, err)
    lost = ">" in redirected.replace("2>", "") or "|" in redirected
    assert (tmp_path / "whole").read_text() == str(lost)
    assert ("a result\n" in done.stdout) == (not lost)


@pytest.mark.parametrize("hung_up", [True, False])
def test_a_terminal_that_vanishes_does_not_end_the_work(tmp_path: Path, *, hung_up: bool):
    ours, theirs = os.openpty()
    code = f"import signal, time; signal.signal(signal.SIGHUP, signal.SIG_IGN); time.sleep(1)\n{SPEAKS}"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, start_new_session=True
    )
    os.close(theirs)
    if hung_up:
        os.close(ours)
    else:
        while not (tmp_path / "whole").exists() and os.read(ours, 1 << 16):
            pass
        os.close(ours)
    assert process.wait(timeout=600) == 0
    assert (tmp_path / "whole").exists()


def test_what_cannot_be_printed_is_no_good_end_of_a_command_that_only_prints(monkeypatch):
    assert streams.written(0) == 0
    with Path(os.devnull).open("w") as null:
        raw = streams.Lenient(null.fileno())
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(raw)))
        raw.lost = OSError(errno.ENOSPC, "full")
        assert streams.written(0) == 2
        raw.lost = OSError(errno.EPIPE, "nobody reads")
        assert streams.written(0) == 0
        monkeypatch.undo()


def test_a_pipe_that_is_not_ready_is_waited_for():
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    content = b"x" * 1_000_000
    stream = io.BufferedWriter(streams.Lenient(writes))
    thread = threading.Thread(target=lambda: (stream.write(content), stream.flush(), os.close(writes)))
    thread.start()
    with os.fdopen(reads, "rb") as pipe:
        assert pipe.read() == content
    thread.join()
