"""Write a generated image: a PNG to look at, a GeoTIFF to measure in, both saying how it came."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

from ..files import write_aside
from .record import DIGITAL_SOURCE, parameters_text
from .result import GeneratedImage

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    Iptc4xmpExt:DigitalSourceType="{source}"
    xmp:CreatorTool="{software}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
SLUG_LENGTH = 48
SMALL_WORDS = ("a", "an", "the", "sar", "radar", "image", "of", "aerial", "view")


def slug(prompt: str) -> str:
    """A file name from a prompt: its words in small letters, without the opening phrase."""
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    while len(words) > 1 and words[0] in SMALL_WORDS:
        words = words[1:]
    short = ""
    for word in words:
        if len(short) + len(word) + 1 > SLUG_LENGTH:
            break
        short = f"{short}-{word}" if short else word
    return short or "image"


def save_image(image: GeneratedImage, folder: Path, name: str, file_format: str) -> list[Path]:
    """Write ``NAME-SEED`` in the formats asked for.

    Every file is written aside and renamed, so whatever is there is complete.

    Returns
    -------
    The files, the one to look at first.
    """
    stem = folder / f"{name}-{image.seed}"
    files = []
    if file_format in ("png", "both"):
        files.append(save_png(image, stem.with_name(stem.name + ".png")))
    if file_format in ("tif", "both"):
        files.append(save_tiff(image, stem.with_name(stem.name + ".tif")))
        files.append(save_sidecar(image, stem.with_name(stem.name + ".json")))
    if image.complex is not None:
        files.append(save_complex(image, stem.with_name(stem.name + ".slc.tif")))
    return files


def save_png(image: GeneratedImage, path: Path) -> Path:
    """An 8-bit grey PNG; text chunks hold the record for us, for A1111 readers and for IPTC."""
    from PIL import Image, PngImagePlugin

    record = image.record
    chunks = PngImagePlugin.PngInfo()
    for key, text in {
        "parameters": parameters_text(record),
        "sarloom": _json(record),
        "Software": record["software"],
        "Description": record["prompt"],
        "Source": "synthetic: made by a generative model, not measured",
        "synthetic": "yes",
        "DigitalSourceType": DIGITAL_SOURCE,
        "XML:com.adobe.xmp": XMP.format(source=DIGITAL_SOURCE, software=record["software"]),
    }.items():
        if text.isascii() and key != "XML:com.adobe.xmp":
            chunks.add_text(key, text)
        else:
            chunks.add_itxt(key, text)
    with write_aside(path) as aside:
        Image.fromarray(image.display()).save(aside, "PNG", pnginfo=chunks, compress_level=6)
    return path


def save_tiff(image: GeneratedImage, path: Path) -> Path:
    """Float32 amplitude as GeoTIFF, with the record in its tags.

    There is no map projection, since the place does not exist; the transform holds the spacing.
    """
    _write_raster(path, image.amplitude, image, "amplitude")
    return path


def save_complex(image: GeneratedImage, path: Path) -> Path:
    """The single-look complex image as complex64 GeoTIFF."""
    assert image.complex is not None  # the caller has looked
    _write_raster(path, image.complex, image, "complex")
    return path


def save_sidecar(image: GeneratedImage, path: Path) -> Path:
    """The record as a JSON file."""
    with write_aside(path) as aside:
        aside.write_text(json.dumps(image.record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path


def _write_raster(path: Path, values: Any, image: GeneratedImage, quantity: str) -> None:
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.transform import Affine

    spacing = image.spacing_m or 1.0
    profile = {
        "driver": "GTiff",
        "height": values.shape[0],
        "width": values.shape[1],
        "count": 1,
        "dtype": str(values.dtype),
        "compress": "deflate",
        "transform": Affine.scale(spacing, -spacing) if image.spacing_m else None,
    }
    record = image.record
    with write_aside(path) as aside, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(aside, "w", **profile) as raster:
            raster.write(values, 1)
            raster.set_band_description(1, quantity)
            raster.update_tags(
                quantity=quantity,
                calibration=image.calibration,
                synthetic="yes",
                sarloom=_json(record),
                TIFFTAG_SOFTWARE=record["software"],
                TIFFTAG_IMAGEDESCRIPTION=f"synthetic SAR image: {record['prompt']}",
            )


def _json(record: dict[str, Any]) -> str:
    """The record on one line, keys in the order they were written."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))
