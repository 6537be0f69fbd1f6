"""What a person sees while a command runs: results on stdout, everything else on stderr.

In a terminal progress is a bar that goes away; elsewhere (a log, CI) it is a line now and then.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Tick = Callable[[int, int, str], None]
"""Called with (steps done, steps in all, what is being done)."""

SECONDS_BETWEEN_LINES = 10.0


def say(text: str) -> None:
    """A result, on stdout: other programs may read it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Results in columns: for a person aligned under a header, for programs split by tabs."""
    if not sys.stdout.isatty():
        for row in rows:
            say("\t".join(row))
    elif rows:
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for row in (header, *rows):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            say("  ".join(cells).rstrip())


def note(text: str) -> None:
    """A remark for the person, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def warn(text: str) -> None:
    """A warning, on stderr."""
    note(f"sarloom: warning: {' '.join(text.split())}")


@contextmanager
def progress(label: str) -> Iterator[Tick]:
    """Show how far a command is for as long as the context lasts."""
    if sys.stderr.isatty():
        with _bar(label) as tick:
            yield tick
    else:
        yield _lines(label)


@contextmanager
def _bar(label: str) -> Iterator[Tick]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        Remaining(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)
    with bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total, doing: bar.update(
            task, completed=done, total=total, description=f"{label}: {doing}" if doing else label
        )


def _lines(label: str) -> Tick:
    last = time.monotonic()

    def tick(done: int, total: int, doing: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            note(f"{label}: {done}/{total}{f' ({doing})' if doing else ''}")

    return tick
