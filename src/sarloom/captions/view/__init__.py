"""A page of tiles with their captions, to be filtered by what may be wrong with them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...files import write_aside
from .flags import MEANINGS, Counts, flags_of, score_bound
from .template import PAGE

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...options.captions_run import ViewCaptionsOptions

Progress = Callable[[int, int, str], None]
QUALITY = 82
"""Of the JPEG thumbnails."""


def write_page(
    tiles: Iterable[Mapping[str, Any]],
    total: int,
    path: Path,
    options: ViewCaptionsOptions,
    count: Counts,
    progress: Progress = lambda done, total, doing: None,
) -> dict[str, int]:
    """Write the page and its pictures; returns how many tiles bear each flag.

    The data of all tiles lie in the page as JSON, and only those of one screenful are in the
    document at a time, so ten thousand tiles scroll as one does.

    Parameters
    ----------
    tiles
        `id`, `split`, `text`, `captions`, `captions_original`, `caption_scores`, and the pictures
        `sar` and `optical` (None for none) as thumbnails.
    """
    folder = path.with_name(f"{path.stem}-pictures")
    aside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        if not options.embed:
            aside.mkdir(parents=True)
        kept = []
        for number, tile in enumerate(tiles, 1):
            kept.append({**tile, **_pictures(tile, None if options.embed else aside, folder.name)})
            progress(number, total, "")
        flags = _flag_all(kept, options.low_score, count)
        if not options.embed:
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
        with write_aside(path) as written:
            written.write_text(_html(kept, flags, options), "utf-8")
    except OSError as error:
        raise InputError(f"--out {path} cannot be written: {error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return flags


def _flag_all(tiles: list[dict[str, Any]], bound: float, count: Counts) -> dict[str, int]:
    """Put flags on all tiles."""
    often = Counter(tile["text"] for tile in tiles if tile["text"])
    low = score_bound(
        [tile["caption_scores"][0] for tile in tiles if tile["caption_scores"]], bound
    )
    total: Counter[str] = Counter()
    for tile in tiles:
        tile["flags"] = flags_of(tile, often, low, count)
        total.update(tile["flags"])
    return {name: total[name] for name in MEANINGS if total[name]}


def _pictures(tile: Mapping[str, Any], folder: Path | None, name: str) -> dict[str, Any]:
    """Thumbnails as files beside the page, or as addresses that hold them."""
    made: dict[str, Any] = {}
    stem = re.sub(r"[^\w-]", "_", str(tile["id"]))[:80]
    stem += "-" + hashlib.sha256(str(tile["id"]).encode()).hexdigest()[:8]
    for what in ("sar", "optical"):
        picture: Image | None = tile[what]
        if picture is None:
            made[what] = None
            continue
        held = io.BytesIO()
        picture.save(held, "JPEG", quality=QUALITY)
        if folder is None:
            made[what] = "data:image/jpeg;base64," + base64.b64encode(held.getvalue()).decode()
        else:
            (folder / f"{stem}-{what}.jpg").write_bytes(held.getvalue())
            made[what] = f"{name}/{stem}-{what}.jpg"
    return made


def _html(
    tiles: list[dict[str, Any]], flags: Mapping[str, int], options: ViewCaptionsOptions
) -> str:
    data = [
        {
            "i": tile["id"], "p": tile["split"], "t": tile["text"] or "", "f": tile["flags"],
            "c": (tile["captions"] or [])[1:], "o": tile["captions_original"] or [],
            "s": tile["caption_scores"] or [], "w": tile["caption_source"] or "",
            "sar": tile["sar"], "opt": tile["optical"],
        }
        for tile in tiles
    ]  # fmt: skip
    known = {name: [MEANINGS[name], flags.get(name, 0)] for name in MEANINGS if name in flags}
    title = options.folder.resolve().name
    return (
        PAGE.replace("@@DATA@@", _script_safe(data))
        .replace("@@FLAGS@@", _script_safe(known))
        .replace("@@CELL@@", str(options.cell))
        .replace("@@EACH@@", str(options.per_page))
        .replace("@@TOTAL@@", str(len(tiles)))
        .replace("@@TITLE@@", _escaped(title))
    )


def _script_safe(value: Any) -> str:
    """JSON that cannot end the script it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for mark in "<>&@\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _escaped(text: str) -> str:
    import html

    return html.escape(text)
