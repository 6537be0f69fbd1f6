"""A scene as files: GeoTIFFs to measure in, PNGs to look at, one JSON sidecar written last.

Every file is written aside and renamed, and the sidecar comes after all others: a scene whose
sidecar is there is complete, whenever a run was stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from rasterio.transform import Affine

from .. import __version__
from ..files import sha256_of, write_aside
from .captions import with_domain
from .maps import segmentation_image
from .materials import LABELS
from .radar import RadarImage
from .scene import SimulatedScene
from .world import FloatArray

METADATA = "metadata.jsonl"
SOURCE = "synthetic: simulated, not measured"


def stem_of(kind: str, seed: int) -> str:
    """First part of a scene's file names, seed last: 'farmland-river-12'."""
    return f"{kind.replace('+', '-')}-{seed}"


def settings_hash(settings: Mapping[str, Any]) -> str:
    """One hash for everything that a scene's bytes hang on, the package version included."""
    text = json.dumps({**settings, "version": __version__}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def scene_settings(scene: SimulatedScene, caption_count: int | None = None) -> dict[str, Any]:
    """What has to be asked for to get this scene again."""
    return {
        "kind": scene.kind,
        "seed": scene.seed,
        "size": scene.world.size[0],
        "spacing_m": scene.world.spacing_m,
        "airborne": asdict(scene.radar.sensor),
        "satellite": asdict(scene.satellite.sensor),
        "captions": len(scene.captions) if caption_count is None else caption_count,
    }


def is_finished(folder: Path, kind: str, seed: int, wanted_hash: str) -> bool:
    """Whether a scene with these settings lies complete in the folder."""
    sidecar = folder / f"{stem_of(kind, seed)}.json"
    record = _read(sidecar)
    if record is None or record.get("settings_hash") != wanted_hash:
        return False
    return all((folder / name).is_file() for name in record["files"])


def write_scene(
    scene: SimulatedScene, folder: Path, settings: Mapping[str, Any] | None = None
) -> Path:
    """Write one scene.

    Parameters
    ----------
    scene
        What to write.
    folder
        Made if it is not there.
    settings
        What was asked for, for the sidecar and its hash; ``scene_settings(scene)`` by default.

    Returns
    -------
    The sidecar ``NAME-SEED.json``. Beside it lie ``.tif`` (sigma nought), ``-complex.tif`` (for a
    single look), ``-satellite.tif``, ``-optical.png``, ``-segmentation.png``, ``-sketch.png`` and
    ``.png`` (8-bit amplitude).
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = stem_of(scene.kind, scene.seed)
    sidecar = folder / f"{stem}.json"
    sidecar.unlink(missing_ok=True)  # an old scene is no longer complete from here on
    settings = dict(scene_settings(scene) if settings is None else settings)

    def path(suffix: str) -> Path:
        return folder / f"{stem}{suffix}"

    written = [
        _write_tiff(path(".tif"), scene.radar.sigma_nought, scene, scene.radar, "sigma_nought"),
        _write_tiff(
            path("-satellite.tif"), scene.satellite.sigma_nought, scene, scene.satellite,
            "sigma_nought",
        ),
        _write_png(path("-optical.png"), Image.fromarray(scene.optical), scene),
        _write_png(path("-segmentation.png"), segmentation_image(scene.segmentation), scene),
        _write_png(path("-sketch.png"), Image.fromarray(scene.sketch), scene),
        _write_png(path(".png"), Image.fromarray(preview(scene.radar.sigma_nought)), scene),
    ]  # fmt: skip
    path("-complex.tif").unlink(missing_ok=True)
    if scene.radar.complex is not None:
        written.append(
            _write_tiff(path("-complex.tif"), scene.radar.complex, scene, scene.radar, "complex")
        )
    record = {
        "software": f"sarloom {__version__}",
        "synthetic": True,
        "kind": scene.kind,
        "seed": scene.seed,
        "captions": list(scene.captions),
        "facts": scene.facts.as_plain(),
        "labels": list(LABELS),
        "settings": settings,
        "settings_hash": settings_hash(settings),
        "files": {file.name: sha256_of(file) for file in sorted(written)},
    }
    with write_aside(sidecar) as aside:
        aside.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    return sidecar


def preview(sigma_nought: FloatArray) -> NDArray[np.uint8]:
    """Amplitude as 8-bit grey, white at mean plus three standard deviations."""
    amplitude = np.sqrt(np.maximum(sigma_nought, 0.0))
    white = float(amplitude.mean() + 3.0 * amplitude.std()) or 1.0
    return np.asarray(np.clip(amplitude / white * 255.0 + 0.5, 0, 255), np.uint8)


def write_metadata(folder: Path) -> Path:
    """Write ``metadata.jsonl`` (imagefolder) over all finished scenes of a folder.

    One row per scene, sorted by file name: ``file_name`` and ``text`` (the first caption with its
    sensor prefix), then all captions, the kind, the seed and the names of the other pictures.
    """
    rows = []
    for sidecar in sorted(folder.glob("*.json")):
        record = _read(sidecar)
        if record is not None:
            rows.append(json.dumps(_row(sidecar.stem, record)))
    path = folder / METADATA
    with write_aside(path) as aside:
        aside.write_text("".join(row + "\n" for row in rows), "utf-8")
    return path


def _row(stem: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "file_name": f"{stem}.png",
        "text": with_domain(record["captions"][0], "simulated"),
        "captions": record["captions"],
        "kind": record["kind"],
        "seed": record["seed"],
        "sigma_nought": f"{stem}.tif",
        "satellite": f"{stem}-satellite.tif",
        "optical": f"{stem}-optical.png",
        "segmentation": f"{stem}-segmentation.png",
        "sketch": f"{stem}-sketch.png",
        "synthetic": True,
    }


def _read(sidecar: Path) -> dict[str, Any] | None:
    """A sidecar of this module; None for anything else that ends in .json."""
    if sidecar.name.startswith(".") or not sidecar.is_file():
        return None
    try:
        record = json.loads(sidecar.read_text("utf-8"))
    except ValueError:
        return None
    known = isinstance(record, dict) and {"settings_hash", "files", "captions"} <= record.keys()
    return record if known else None


def _write_tiff(
    path: Path, values: NDArray[Any], scene: SimulatedScene, image: RadarImage, quantity: str
) -> Path:
    """One band, no map projection (the place does not exist), the spacing in the transform."""
    tags = {
        "SARLOOM_VERSION": __version__,
        "KIND": scene.kind,
        "SEED": scene.seed,
        "INCIDENCE_ANGLE_DEG": image.sensor.incidence_angle_deg,
        "SPACING_M": image.spacing_m,
        "LOOKS": image.looks,
        "UNITS": "sigma_nought linear power" if quantity == "sigma_nought" else
                 "complex amplitude, squared modulus is sigma_nought linear power",
        "QUANTITY": quantity,
        "SYNTHETIC": "yes",
    }  # fmt: skip
    with (
        write_aside(path) as aside,
        rasterio.open(
            aside, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1,
            dtype=values.dtype.name, transform=Affine.scale(image.spacing_m, -image.spacing_m),
            compress="deflate", zlevel=1,
        ) as raster,
    ):  # fmt: skip
        raster.write(values, 1)
        raster.set_band_description(1, quantity)
        raster.update_tags(**tags)
    return path


def _write_png(path: Path, picture: Image.Image, scene: SimulatedScene) -> Path:
    """A PNG that says in itself that it is synthetic."""
    chunks = PngImagePlugin.PngInfo()
    for key, text in {
        "Software": f"sarloom {__version__}",
        "Description": with_domain(scene.captions[0], "simulated"),
        "Source": SOURCE,
        "synthetic": "yes",
        "seed": str(scene.seed),
    }.items():
        chunks.add_text(key, text)
    with write_aside(path) as aside:
        picture.save(aside, "PNG", pnginfo=chunks, compress_level=4)
    return path
