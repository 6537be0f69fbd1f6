"""What simulated scenes show, whatever kind they were built as.

A motorway is built through fields, a river through meadows or woods: by its name alone a scene
'motorway' would teach a judge that fields beside a motorway are no farmland. So what is shown is
measured on the world behind each scene.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from kind_judge import NAMES
from numpy.typing import NDArray

from sarloom.files import write_aside
from sarloom.simulate.build import build_world
from sarloom.simulate.facts import describe
from sarloom.train.scenes import SceneSet

FROM_TO = {"farmland": (0.10, 0.30), "forest": (0.10, 0.23), "river": (0.02, 0.13),
           "coast": (0.02, 0.20), "motorway": (0.0, 0.001)}  # fmt: skip
"""Share of the frame below which a part is not shown, and from which it is; between, either may be
said. The second is what nine in ten scenes named after the part have at the least."""


def shares(job: tuple[str, int, int]) -> dict[str, float]:
    """Share of the frame of each part, of a world by its kind, seed and size."""
    facts = describe(build_world(*job))
    things = {thing.kind: thing for thing in facts.things}
    area = {name: things[name].share if name in things else 0.0 for name in ("field", "river")}
    return {
        "farmland": area["field"],
        "forest": next((one.share for one in facts.cover if one.label == "trees"), 0.0),
        "river": area["river"],
        "coast": things["sea"].share if "sea" in things else 0.0,
        "motorway": float("motorway" in things),
    }


def contents(kept: Path, scenes: SceneSet, seed: int, size: int = 512) -> list[dict[str, float]]:
    """``shares`` of each scene of a set made with ``seed``; kept in a file beside it."""
    if kept.is_file():
        found: list[dict[str, float]] = json.loads(kept.read_text())
        if len(found) >= len(scenes.kinds):
            return found[: len(scenes.kinds)]
    jobs = [(kind, seed + n, size) for n, kind in enumerate(scenes.kinds)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(shares, jobs, chunksize=8))
    with write_aside(kept) as aside:
        aside.write_text(json.dumps(found))
    return found


def shown(
    kinds: list[str], held: list[dict[str, float]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What each scene shows [n, kinds], and 0 where a judge may say either (1 elsewhere)."""
    wanted = np.zeros((len(kinds), len(NAMES)), np.float32)
    counts = np.ones_like(wanted)
    for row, (kind, share) in enumerate(zip(kinds, held, strict=True)):
        for name, (least, enough) in FROM_TO.items():
            column = NAMES.index(name)
            wanted[row, column] = share[name] >= enough
            counts[row, column] = share[name] <= least or share[name] >= enough
        if kind == "harbour":
            counts[row, NAMES.index("coast")] = 0  # its water is the sea's, its shore of quays
        for part in kind.split("+"):
            wanted[row, NAMES.index(part)] = counts[row, NAMES.index(part)] = 1
    return wanted, counts
