"""What the training loop tells: a log of figures, lines of progress, and trackers."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingExtraError

Report = Callable[[str], None]
Figures = Mapping[str, float | NDArray[np.uint8]]
"""What a watch saw: numbers, and pictures [rows, columns, 3]."""

TRACKING = "tracking"
"""Folder of a run where trackers keep their files."""
STATE = "state"
"""Usual name of the folder of checkpoints; the run folder around it has a better one."""
LOG = "log.jsonl"


class Log:
    """Figures of steps: their means go into ``log.jsonl`` and into lines of progress."""

    def __init__(self, folder: Path, steps: int, first: int, report: Report) -> None:
        """Begin at a step; ``first`` is 0 but for a run that goes on."""
        self.name = run_name(folder)
        self._file, self._steps, self._first, self._report = folder / LOG, steps, first, report
        self._started = time.monotonic()
        self._totals: dict[str, list[float]] = {}
        self._warm = 0.0

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Take the figures of a step; after the second, say how long all will take."""
        for name, value in figures.items():
            self._totals.setdefault(name, []).append(value)
        now = time.monotonic()
        if step == self._first + 1:
            self._warm = now  # the first step also makes what is kept
        elif step == self._first + 2:
            seconds, left = now - self._warm, self._steps - step
            self._report(
                f"{self.name}: {duration(seconds)} a step, about {duration(seconds * left)} for "
                f"the {left} steps left"
            )

    def write(self, step: int) -> dict[str, float]:
        """Write and say the means since the last time; returns them."""
        pace = (step - self._first) / max(time.monotonic() - self._started, 1e-9)
        figures = {name: float(np.mean(values)) for name, values in self._totals.items()}
        self._totals = {}
        with self._file.open("a") as log:
            log.write(json.dumps({"step": step, "steps_per_s": pace, **figures}) + "\n")
        shown = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        left = duration((self._steps - step) / max(pace, 1e-9))
        self._report(f"{self.name} {step}/{self._steps}  {shown}  {pace:.2f} steps/s  {left} left")
        return {**figures, "steps_per_s": pace}


def run_name(folder: Path) -> str:
    """What a person calls the run of a folder of checkpoints."""
    return folder.parent.name if folder.name == STATE else folder.name


def duration(seconds: float) -> str:
    """Seconds for a person: ``0.9 s``, ``12 min``, ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def check_tracking(name: str) -> None:
    """Refuse a tracker that is not installed, before any work.

    Raises
    ------
    MissingExtraError
        Naming the extra that brings it.
    """
    if name == "off":
        return
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:  # a folder of that name is no package
        raise MissingExtraError(f"tracking by {name}", name)


def start_trackers(accelerator: Any, name: str, folder: Path, settings: Mapping[str, Any]) -> None:
    """Begin a run with a tracker; its files lie beside the folder of checkpoints."""
    if name == "off":
        return
    place = folder.parent / TRACKING
    place.mkdir(exist_ok=True)
    own = {"wandb": {"dir": str(place)}} if name == "wandb" else {}
    accelerator.init_trackers(folder.parent.name, dict(settings), own)


def track(accelerator: Any, figures: Figures | None, step: int) -> None:
    """Hand what a watch returned to the trackers, if there are any."""
    pictures = {k: v[None] for k, v in (figures or {}).items() if isinstance(v, np.ndarray)}
    numbers = {k: v for k, v in (figures or {}).items() if k not in pictures}
    if numbers:
        accelerator.log(numbers, step=step)
    for tracker in accelerator.trackers if pictures else ():
        form = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
        tracker.log_images(pictures, step=step, **form)
