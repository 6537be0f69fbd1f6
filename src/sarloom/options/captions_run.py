"""What `sarloom captions run`, `rewrite` and `view` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .table import check, option

DEFAULT_PHRASE = "A SAR image of"


@dataclass(frozen=True)
class RunCaptionsOptions:
    """Options of one `sarloom captions run` call."""

    folder: Path = option(argument=True, metavar="DIR", help="folder of the tile set")
    captioner: str = option(
        "embedded",
        "who writes: `embedded`, a captioning model (folder or hub id), or `facts` from the maps "
        "given with --vectors and --cover",
        metavar="embedded|facts|MODEL",
    )
    count: int = option(
        1, "captions per tile; near-duplicates are left out", minimum=1, maximum=20, short="-n"
    )
    batch: int = option(8, "optical pictures at a time; captions do not depend on it", minimum=1)
    question: str = option(
        "", "what a vision-language chat model is asked (default: for one short sentence on place "
        "and objects)", metavar="TEXT",
    )  # fmt: skip
    device: str = option("auto", "`cpu`, `cuda`, `cuda:1`, `mps`, or what there is", metavar="NAME")
    seed: int = option(0, "another seed words captions differently, where chance has a say")
    replace: bool = option(False, "also caption tiles that have captions already")
    phrase: str = option(
        DEFAULT_PHRASE, "activation phrase before every caption", metavar="TEXT", group="Wording"
    )
    token: str = option(
        "", "activation token instead of the phrase, such as `<SAR>`", metavar="WORD",
        group="Wording",
    )  # fmt: skip
    plain: bool = option(
        False, "keep the captioner's sentences as they are, colours and all", group="Wording"
    )
    max_repeats: int = option(
        0, "most tiles whose first caption may be the same, where there is another; 0 for any "
        "number", minimum=0, group="Wording",
    )  # fmt: skip
    rank: str = option(
        "",
        "CLIP model (folder or hub id) that scores captions against the optical picture; the best "
        "comes first, scores are stored",
        metavar="MODEL", group="Ranking",
    )  # fmt: skip
    vectors: tuple[Path, ...] = option(
        (), "facts: roads, water, buildings, land use (GeoPackage, GeoJSON, Shapefile, .osm.pbf)",
        metavar="FILE", group="Facts",
    )  # fmt: skip
    cover: tuple[Path, ...] = option(
        (), "facts: class rasters such as WorldCover", metavar="FILE", group="Facts"
    )
    classes: Path | None = option(
        None, "facts: table of a class raster, lines `CODE,NAME` (default: ESA WorldCover)",
        metavar="FILE", group="Facts",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)
        facts = self.captioner == "facts"
        if facts and self.question:
            raise InputError("--question: maps are not asked in words; name a chat model")
        if facts and not self.vectors and not self.cover:
            raise InputError("--captioner facts: give --vectors FILE or --cover FILE")
        if not facts and (self.vectors or self.cover or self.classes):
            raise InputError(
                f"--vectors, --cover and --classes say nothing to {self.captioner!r}: "
                "add --captioner facts"
            )
        if self.classes is not None and not self.cover:
            raise InputError("--classes is the table of a class raster: give --cover FILE as well")
        _check_token(self.token)


@dataclass(frozen=True)
class RewriteCaptionsOptions:
    """Options of one `sarloom captions rewrite` call."""

    source: Path = option(
        argument=True, metavar="SOURCE",
        help="folder of a tile set, or an annotation file (Karpathy, COCO or NWPU-Captions JSON, "
        "NAME_caps.txt)",
    )  # fmt: skip
    out: Path | None = option(
        None, "file to write for an annotation file (default: NAME-radar.json beside it); a tile "
        "set is changed in place, its originals kept", short="-o", metavar="FILE",
    )  # fmt: skip
    phrase: str = option(
        DEFAULT_PHRASE, "activation phrase before every caption; empty for none", metavar="TEXT"
    )
    token: str = option(
        "", "activation token instead of the phrase, such as `<SAR>`", metavar="WORD"
    )
    max_repeats: int = option(
        0, "tile sets: most tiles whose first caption may be the same, where there is another; 0 "
        "for any number", minimum=0,
    )  # fmt: skip
    json: bool = option(False, "print the report as JSON")

    def __post_init__(self) -> None:
        check(self)
        _check_token(self.token)


@dataclass(frozen=True)
class ViewCaptionsOptions:
    """Options of one `sarloom captions view` call."""

    folder: Path = option(argument=True, metavar="DIR", help="folder of the tile set")
    out: Path | None = option(
        None, "page to write (default: DIR-captions.html beside the folder); pictures lie in a "
        "folder beside it, or in the page with --embed", short="-o", metavar="FILE",
    )  # fmt: skip
    cell: int = option(224, "side of a picture", minimum=48, maximum=1024, metavar="PIXELS")
    per_page: int = option(60, "tiles shown at a time", minimum=1, maximum=1000)
    embed: bool = option(
        False, "pictures inside the page: one file to send, slow beyond a thousand tiles"
    )
    low_score: float = option(
        0.0, "flag captions whose score is below; 0 flags the lowest tenth", minimum=0.0,
        maximum=100.0,
    )  # fmt: skip
    tokenizer: str = option(
        "", "folder or hub id whose tokenizer counts to 77 (default: an estimate from letters)",
        metavar="MODEL",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)
        if self.out is not None and self.out.suffix.lower() not in (".html", ".htm"):
            raise InputError(f"--out {self.out}: the page is an HTML file, such as captions.html")


def _check_token(token: str) -> None:
    if token and len(token.split()) != 1:
        raise InputError(f"--token {token!r}: a token is one word, such as <SAR>")
