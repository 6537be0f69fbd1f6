"""Archives of small radar products: arrays with a TOML beside them, TIFFs, and what is neither."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Product:
    """What a product's TOML states; None is left unsaid."""

    name: str
    box: Box | None = None
    """West, south, east, north [deg]; west greater than east crosses the date line."""
    time: str | None = None
    band: str | None = None
    polarization: str | None = None
    spacing_m: float | None = None
    incidence_deg: float | None = None
    look_side: str | None = None

    @property
    def identifier(self) -> str:
        """What the channel is called."""
        return self.name if self.polarization is None else f"{self.name}-{self.polarization}"

    def write(self, folder: Path) -> Path:
        """Write it; the path of its pixels."""
        stated = {
            "time": self.time,
            "band": self.band,
            "polarization": self.polarization,
            "spacing_m": self.spacing_m,
            "incidence_angle_deg": self.incidence_deg,
            "look_side": self.look_side,
            "range_direction": "right",
        }
        if self.box is not None:
            west, south, east, north = self.box
            stated["corners"] = [[west, north], [east, north], [east, south], [west, south]]
        path = folder / f"{self.name}.npy"
        path.write_bytes(array_bytes())
        path.with_suffix(".toml").write_text(toml_of(stated))
        return path


def toml_of(stated: dict[str, Any]) -> str:
    """Keys and values as TOML."""
    lines = []
    for key, value in stated.items():
        if value is not None:
            lines.append(f"{key} = {value!r}".replace("'", '"'))
    return "\n".join(lines) + "\n"


def array_bytes() -> bytes:
    """A picture of 4 x 4 pixels as NPY."""
    file = io.BytesIO()
    np.save(file, np.ones((4, 4), np.float32))
    return file.getvalue()


def write_tiff(
    path: Path, crs: str | None = "EPSG:32633", channels: tuple[str, ...] = ("",), side: int = 8
) -> Path:
    """A TIFF of single-look amplitude, 10 m, with named channels."""
    rng = np.random.default_rng(len(channels))
    amplitude = 100 * np.sqrt(rng.exponential(1, (len(channels), side, side)))
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=len(channels),
        dtype="uint16",
        crs=crs,
        transform=from_origin(500_000, 5_000_000, 10, 10),
        photometric="minisblack",
    ) as opened:
        opened.write(amplitude.astype(np.uint16))
        for number, name in enumerate(channels, 1):
            opened.set_band_description(number, name)
    return path


def random_products(count: int, seed: int) -> list[Product]:
    """Products all over the world, some across the date line, many with facts left unsaid."""
    rng = random.Random(seed)

    def said(value: Any) -> Any:
        return value if rng.random() < 0.8 else None

    products = []
    for number in range(count):
        west, south = rng.uniform(-180, 180), rng.uniform(-70, 65)
        east = west + rng.uniform(0.5, 8)
        box = (west, south, east - 360 if east > 180 else east, south + rng.uniform(0.5, 5))
        day, hour = rng.randint(1, 28), rng.randint(0, 23)
        products.append(
            Product(
                name=f"product-{number:04d}",
                box=said(box),
                time=said(f"{rng.randint(2019, 2023)}-{rng.randint(1, 12):02d}-{day:02d}"
                          f"T{hour:02d}:30:00Z"),
                band=said(rng.choice("XCL")),
                polarization=said(rng.choice(["HH", "HV", "VV", "VH"])),
                spacing_m=said(rng.choice([0.35, 1.0, 2.5, 10.0])),
                incidence_deg=said(round(rng.uniform(20, 60), 2)),
                look_side=said(rng.choice(["left", "right"])),
            )
        )  # fmt: skip
    return products
