"""Caption a tile set, make captions fit for radar, and look at the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import console

if TYPE_CHECKING:
    from ..captions.facts.place import TilePlace
    from ..captions.rewrite.report import RewriteReport
    from ..captions.run import Journal
    from ..options.captions_run import (
        RewriteCaptionsOptions,
        RunCaptionsOptions,
        ViewCaptionsOptions,
    )
    from ..tiles.store import TileSet

Columns = dict[str, Any]


def captions_run(options: RunCaptionsOptions) -> Path:
    """Fill the caption columns of a tile set; print its folder."""
    from ..captions.rewrite.report import RewriteReport
    from ..tiles.recolumn import rewrite_columns
    from ..tiles.store import open_tiles

    tiles = open_tiles(options.folder)
    plan = _Plan.of(options, tiles)
    if not plan.todo:
        plan.say_nothing_to_do()
        console.say(str(options.folder))
        return options.folder
    ask, source = _asker(options, plan)
    with _journals(options, plan, source) as (said, scored):
        _ask_all(options, plan, ask, said)
        if options.rank:
            _rank_all(options, plan, said, scored)
        report = RewriteReport()
        new = _columns(options, plan, said, scored, source, report)
        note = {"captions": _note(options, source, report)}
        with console.progress("writing") as tick:
            changed = rewrite_columns(
                options.folder, lambda row: new.get(row["id"]), note, progress=tick
            )
    _say(plan, report, changed, options.plain)
    console.say(str(options.folder))
    return options.folder


@dataclass
class _Plan:
    """Which tiles are to be captioned, and which not."""

    tiles: TileSet
    number: dict[str, int]
    """Id -> number of the tile."""
    todo: list[str]
    """Ids, in the order of the set."""
    captioned: int = 0
    blind: int = 0
    """Tiles without what the captioner looks at: an optical picture, a place on the ground."""
    places: dict[str, TilePlace] = field(default_factory=dict)

    @classmethod
    def of(cls, options: RunCaptionsOptions, tiles: TileSet) -> _Plan:
        """Look through the set; pictures are not read."""
        from ..errors import InputError

        facts = options.captioner == "facts"
        held = tiles.columns(
            "id", "text", "captions", "caption_source", "optical_source", "crs", "transform",
            "spacing_m",
        )  # fmt: skip
        started = _started(options)
        plan = cls(tiles, {name: at for at, name in enumerate(held["id"])}, [])
        pairs = tiles.has("optical") if not facts else []
        for at, name in enumerate(held["id"]):
            has = bool(held["text"][at] or held["captions"][at])
            seen = held["transform"][at] and held["crs"][at] if facts else pairs[at]
            if has and not options.replace and name not in started:
                plan.captioned += 1
            elif not seen:
                plan.blind += 1
            else:
                plan.todo.append(name)
                if facts:
                    plan.places[name] = _place(tiles, at, held)
        if not plan.todo and plan.blind and not plan.captioned:
            what = "a place on the ground" if facts else "an optical picture"
            raise InputError(
                f"{options.folder}: none of {plan.blind} tiles has {what}; "
                + ("--captioner embedded looks at optical pictures" if facts else
                   "build the set with --optical, or use --captioner facts with maps")
            )  # fmt: skip
        return plan

    def say_nothing_to_do(self) -> None:
        """Why nothing is done."""
        console.note(f"all {self.captioned} tiles have captions: --replace writes new ones")

    def optical(self, name: str) -> Any:
        """The optical picture of a tile."""
        import numpy as np
        from PIL import Image

        pixels = self.tiles.picture(self.number[name], "optical")
        return Image.fromarray(np.asarray(pixels, np.uint8)).convert("RGB")


def _place(tiles: TileSet, at: int, held: Mapping[str, list[Any]]) -> TilePlace:
    from ..captions.facts.place import TilePlace

    pixels = tiles.picture(at)
    assert pixels is not None
    a, b, c, d, e, f = held["transform"][at]
    rows, columns = pixels.shape[:2]
    return TilePlace((a, b, c, d, e, f), held["crs"][at], rows, columns, held["spacing_m"][at])


# -- who is asked --------------------------------------------------------------------------------

_SOURCE = ""
"""Key of the journal's line on who writes; no tile has an empty id."""
Ask = Callable[[Sequence[str]], list[list[str]]]
"""Captions of tiles given by id."""


def _asker(options: RunCaptionsOptions, plan: _Plan) -> tuple[Ask, str]:
    """The captioner as a function of tile ids, and what stands in `caption_source`."""
    if options.captioner == "facts":
        from ..captions.facts.writer import open_facts

        places = list(plan.places.values())
        facts = open_facts(options.vectors, options.cover, options.classes, places)

        def from_maps(names: Sequence[str]) -> list[list[str]]:
            pairs = [(name, plan.places[name]) for name in names]
            return facts.describe(pairs, options.count, options.seed)

        return from_maps, f"{facts.name} {facts.fingerprint}"
    from ..captions.captioners import load_captioner

    captioner = load_captioner(options.captioner, options.device, options.question)

    def from_pictures(names: Sequence[str]) -> list[list[str]]:
        pictures = [plan.optical(name) for name in names]
        return captioner.describe(pictures, options.count, options.seed)

    return from_pictures, f"{captioner.name} {captioner.fingerprint}"


def _ask_all(options: RunCaptionsOptions, plan: _Plan, ask: Ask, said: Journal) -> None:
    from ..captions.run import fill

    with console.progress("captions") as tick:
        fill(said, plan.todo, lambda name: name, ask, options.batch, tick)


def _rank_all(options: RunCaptionsOptions, plan: _Plan, said: Journal, scored: Journal) -> None:
    from ..captions.rank import ClipRanker
    from ..captions.run import fill

    seen = set(plan.todo) if options.captioner != "facts" else _paired(plan)
    ranker = ClipRanker(options.rank, options.device)

    def score(names: Sequence[str]) -> list[list[float]]:
        pictures = [plan.optical(name) for name in names]
        return ranker.score(pictures, [said.held[name] for name in names])

    keys = [name for name in plan.todo if name in seen]
    with console.progress("ranking") as tick:
        fill(scored, keys, lambda name: name, score, options.batch, tick)


def _paired(plan: _Plan) -> set[str]:
    pairs = plan.tiles.has("optical")
    return {name for name in plan.todo if pairs[plan.number[name]]}


# -- going on after a kill -----------------------------------------------------------------------


def _run_key(options: RunCaptionsOptions) -> str:
    """What decides whether an interrupted run is the same as this one."""
    from .. import __version__

    parts: list[Any] = [
        options.captioner, options.count, options.seed, __version__, options.rank,
        options.question,
        *(str(path) for path in (*options.vectors, *options.cover, options.classes)),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _journal_paths(options: RunCaptionsOptions) -> tuple[Path, Path]:
    from ..tiles.ledger import UNITS

    key = _run_key(options)
    folder = options.folder / UNITS
    return folder / f"captions-{key}.jsonl", folder / f"scores-{key}.jsonl"


def _started(options: RunCaptionsOptions) -> set[str]:
    """Tiles that an interrupted run of the same command has captions for."""
    from ..captions.run import Journal

    return set(Journal(_journal_paths(options)[0]).held)


@contextmanager
def _journals(
    options: RunCaptionsOptions, plan: _Plan, source: str
) -> Iterator[tuple[Journal, Journal]]:
    """The memory of captions and of scores; forgotten when all is written."""
    from ..captions.run import Journal
    from ..tiles.ledger import UNITS, Ledger

    (options.folder / UNITS).mkdir(exist_ok=True)
    journals = [Journal(path) for path in _journal_paths(options)]
    # captions of other weights under the same name are no captions of this run
    if journals[0].held.get(_SOURCE, source) != source:
        for one in journals:
            one.forget()
        journals = [Journal(one.path) for one in journals]
    with Ledger(options.folder / UNITS).alone():
        journals[0].add([(_SOURCE, source)] if _SOURCE not in journals[0].held else [])
        yield journals[0], journals[1]
        for one in journals:
            one.forget()


# -- columns -------------------------------------------------------------------------------------


def _columns(
    options: RunCaptionsOptions,
    plan: _Plan,
    said: Journal,
    scored: Journal,
    source: str,
    report: RewriteReport,
) -> dict[str, Columns]:
    """New columns of every tile that got captions."""
    from ..captions.rewrite.activation import Activation
    from ..captions.rewrite.several import Repeats

    activation = Activation(options.phrase, options.token)
    repeats = Repeats(options.max_repeats)
    plain = options.plain or options.captioner == "facts"  # these are about no picture
    made: dict[str, Columns] = {}
    for name in plan.todo:
        if not said.held[name]:
            plan.blind += 1
            continue
        scores = scored.held.get(name)
        made[name] = {
            **_worded(said.held[name], scores, activation, repeats, report, plain),
            "captions_original": said.held[name],
            "caption_source": source,
        }
    return made


def _worded(
    originals: Sequence[str],
    scores: Sequence[float] | None,
    activation: Any,
    repeats: Any,
    report: RewriteReport,
    plain: bool = False,
) -> Columns:
    """`text`, `captions` and `caption_scores`: the best first, none twice."""
    from ..captions.rewrite.sentence import Rewritten
    from ..captions.rewrite.several import rewrite_captions

    order = list(range(len(originals)))
    if scores is not None:
        order.sort(key=lambda at: -scores[at])
    if plain:
        kept = [(at, Rewritten(" ".join(originals[at].split()))) for at in order if originals[at]]
        report.captions += len(originals)
        report.written += len(kept)
    else:
        found = rewrite_captions([originals[at] for at in order], report)
        kept = [(order[at], made) for at, made in found]
    if not kept:
        return {"text": activation.before("") if originals else None, "captions": None,
                "caption_scores": None}  # fmt: skip
    first, all_used = repeats.choose([made.text for _, made in kept])
    report.repeated += all_used
    kept.insert(0, kept.pop(first))
    return {
        "text": activation.of(kept[0][1]),
        "captions": [made.phrase for _, made in kept],
        "caption_scores": None if scores is None else [float(scores[at]) for at, _ in kept],
    }


def _note(options: RunCaptionsOptions, source: str, report: RewriteReport) -> dict[str, Any]:
    """What the manifest says of the captions."""
    from .. import __version__
    from ..options.table import as_plain

    left_out = ("folder", "device", "batch")
    settings = {name: v for name, v in as_plain(options).items() if name not in left_out}
    counts = {name: value for name, value in report.as_plain().items() if name != "examples"}
    return {
        "software": f"sarloom {__version__}", "source": source, "settings": settings,
        "report": counts,
    }  # fmt: skip


def _say(plan: _Plan, report: RewriteReport, changed: int, plain: bool) -> None:
    """What was done and what was not."""
    if not plain:
        for line in report.lines():
            console.note(line)
    console.note(f"{changed} of {len(plan.tiles)} tiles have new captions")
    if plan.captioned:
        console.note(f"{plan.captioned} tiles had captions already: --replace writes new ones")
    if plan.blind:
        console.warn(f"{plan.blind} tiles show the captioner nothing and stay without a caption")


# -- rewriting -----------------------------------------------------------------------------------


def captions_rewrite(options: RewriteCaptionsOptions) -> Path:
    """Rewrite the captions of a tile set in place, or of an annotation file into a new one."""
    from ..errors import InputError

    if options.source.is_dir():
        if options.out is not None:
            raise InputError(
                f"--out {options.out}: a tile set is changed in place, its captions kept in "
                "`captions_original`; leave --out away"
            )
        path, report = options.source, _rewrite_tiles(options)
    else:
        path, report = _rewrite_file(options)
    if options.json:
        console.say(json.dumps({**report.as_plain(), "written_to": str(path)}, indent=2))
    else:
        for line in report.lines():
            console.note(line)
        console.say(str(path))
    return path


def _rewrite_file(options: RewriteCaptionsOptions) -> tuple[Path, RewriteReport]:
    from ..captions.rewrite.activation import Activation
    from ..captions.rewrite.files import rewrite_file
    from ..errors import InputError

    path = options.out or options.source.with_name(f"{options.source.stem}-radar.json")
    if path.resolve() == options.source.resolve():
        raise InputError(f"--out {path} is the file to read: choose another name")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.parent}")
    with console.progress("rewriting") as tick:
        activation = Activation(options.phrase, options.token)
        return path, rewrite_file(options.source, path, activation, tick)


def _rewrite_tiles(options: RewriteCaptionsOptions) -> RewriteReport:
    from ..captions.rewrite.activation import Activation
    from ..captions.rewrite.report import RewriteReport
    from ..captions.rewrite.several import Repeats
    from ..errors import InputError
    from ..tiles.recolumn import rewrite_columns
    from ..tiles.store import open_tiles

    tiles = open_tiles(options.source)
    held = tiles.columns("id", "captions", "captions_original", "caption_scores")
    activation = Activation(options.phrase, options.token)
    repeats, report = Repeats(options.max_repeats), RewriteReport()
    new: dict[str, Columns] = {}
    for name, captions, original, scores in zip(*held.values(), strict=True):
        said = original or captions
        if said:
            kept = scores if scores and len(scores) == len(said) else None
            columns = _worded(said, kept, activation, repeats, report)
            if scores and kept is None:
                columns["caption_scores"] = _scores_again(captions, scores, columns["captions"])
            new[name] = {**columns, "captions_original": list(said)}
    if not new:
        raise InputError(
            f"{options.source}: no tile has a caption; `sarloom captions run` writes some"
        )
    with console.progress("writing") as tick:
        rewrite_columns(options.source, lambda row: new.get(row["id"]), progress=tick)
    return report


def _scores_again(
    before: Sequence[str] | None, scores: Sequence[float], after: Sequence[str] | None
) -> list[float] | None:
    """Scores of captions that are the same as before, None where one is not."""
    known = dict(zip(before or [], scores, strict=False))
    if not after or any(one not in known for one in after):
        return None
    return [known[one] for one in after]


# -- looking -------------------------------------------------------------------------------------


def captions_view(options: ViewCaptionsOptions) -> Path:
    """Write a page of tiles with their captions and flags; print its path."""
    from ..captions.view import write_page
    from ..captions.view.flags import token_counter
    from ..errors import InputError
    from ..tiles.store import open_tiles

    tiles = open_tiles(options.folder)
    if not len(tiles):
        raise InputError(f"{options.folder} holds no tile")
    path = options.out or options.folder.with_name(f"{options.folder.name}-captions.html")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.parent}")
    counter = token_counter(options.tokenizer)
    with console.progress("page") as tick:
        flags = write_page(_shown(tiles, options.cell), len(tiles), path, options, counter, tick)
    for name, number in flags.items():
        console.note(f"{number:>7}  {name}")
    console.say(str(path))
    return path


def _shown(tiles: TileSet, cell: int) -> Iterator[dict[str, Any]]:
    """Rows as the page needs them: thumbnails and words."""
    import numpy as np

    from ..tiles.store import row_picture
    from ..tiles.view import fitted, grey8

    for row in tiles:
        optical = row_picture(row, "optical")
        yield {
            **{name: row[name] for name in (
                "id", "split", "text", "captions", "captions_original", "caption_scores",
                "caption_source",
            )},
            "sar": fitted(grey8(row), cell).convert("L"),
            "optical": None if optical is None else fitted(np.asarray(optical, np.uint8), cell),
        }  # fmt: skip
