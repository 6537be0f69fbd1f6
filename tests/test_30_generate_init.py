"""Start images: their scale, their size, and what partial noising does to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image

from sarloom.errors import FormatError, InputError
from sarloom.generate.init_image import fit, read_init, to_model_pixels
from sarloom.generate.run import generate
from sarloom.generate.sample import SampleSettings, partly_noised
from sarloom.generate.schedule import build_scheduler
from sarloom.models.load import load_model
from sarloom.models.radiometry import Radiometry

DECIBELS = Radiometry(scale="db", speckle="none", calibration="sigma_nought")


@pytest.fixture
def scene() -> np.ndarray:
    """Speckle-free sigma-nought of two fields, linear."""
    power = np.full((48, 64), 0.02, np.float32)
    power[:, 32:] = 0.3
    return power


def write_tiff(path: Path, values: np.ndarray, **tags: str) -> Path:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=str(values.dtype),
    ) as raster:
        raster.write(values, 1)
        raster.update_tags(**tags)
    return path


@pytest.mark.parametrize("quantity", ["sigma_nought", "amplitude", "db"])
def test_geotiff_scales_agree(scene: np.ndarray, tmp_path: Path, quantity: str) -> None:
    values = {
        "sigma_nought": scene,
        "amplitude": np.sqrt(scene),
        "db": 10 * np.log10(scene),
    }[quantity]
    by_tag = read_init(write_tiff(tmp_path / "tag.tif", values, quantity=quantity))
    by_option = read_init(write_tiff(tmp_path / "bare.tif", values), quantity)
    np.testing.assert_allclose(by_tag.power, scene, rtol=1e-4)
    np.testing.assert_allclose(by_option.power, scene, rtol=1e-4)
    pixels = to_model_pixels(by_tag, DECIBELS, 64, 48)
    np.testing.assert_allclose(DECIBELS.to_power(pixels)[:, :24], 0.02, rtol=1e-3)


def test_complex_geotiff_is_power(scene: np.ndarray, tmp_path: Path) -> None:
    values = (np.sqrt(scene) * 1j).astype(np.complex64)
    np.testing.assert_allclose(
        read_init(write_tiff(tmp_path / "slc.tif", values)).power, scene, rtol=1e-5
    )


def test_untagged_geotiff_must_be_told(scene: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--init-scale"):
        read_init(write_tiff(tmp_path / "bare.tif", scene))


def test_png_of_8_and_16_bit_agree(scene: np.ndarray, tmp_path: Path) -> None:
    u = np.sqrt(scene)
    Image.fromarray((u * 255).round().astype(np.uint8)).save(tmp_path / "8.png")
    Image.fromarray((u * 65535).round().astype(np.uint16)).save(tmp_path / "16.png")
    eight, sixteen = (read_init(tmp_path / name) for name in ("8.png", "16.png"))
    np.testing.assert_allclose(sixteen.power, scene, rtol=1e-3)
    np.testing.assert_allclose(eight.power, scene, rtol=0.03)
    assert not eight.calibrated
    level = np.median(DECIBELS.to_power(to_model_pixels(sixteen, DECIBELS, 64, 48)))
    assert 10 * np.log10(level) == pytest.approx(-12, abs=0.2)


def test_gaps_are_filled_and_all_gaps_refused(scene: np.ndarray, tmp_path: Path) -> None:
    scene[:4] = np.nan
    image = read_init(write_tiff(tmp_path / "gaps.tif", scene, quantity="sigma_nought"))
    assert np.isfinite(image.power).all()
    with pytest.raises(FormatError, match="no valid pixel"):
        read_init(
            write_tiff(tmp_path / "all.tif", np.full_like(scene, np.nan), quantity="sigma_nought")
        )


def test_what_is_no_image(tmp_path: Path) -> None:
    for name in ("text.png", "text.tif"):
        (tmp_path / name).write_text("words")
        with pytest.raises(FormatError, match="cannot be read"):
            read_init(tmp_path / name)


def test_fit_keeps_power_and_crops_the_middle(scene: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    noisy = scene * rng.exponential(size=scene.shape).astype(np.float32)
    small = fit(noisy, 16, 12)
    assert small.shape == (12, 16)
    assert small.mean() == pytest.approx(noisy.mean(), rel=1e-4)
    square = fit(scene, 48, 48)
    assert square.shape == (48, 48)
    assert (square[:, :24] == scene[0, 0]).all()
    assert fit(scene, 128, 96).shape == (96, 128)


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "dpm++", "unipc"])
def test_strength_decides_how_much_of_the_image_is_left(scheduler: str) -> None:
    """The start is less and less like the image, and by as much as the schedule says."""
    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    generator = torch.Generator().manual_seed(0)
    image, noise = (torch.randn((1, 4, 32, 32), generator=generator) for _ in range(2))
    likeness, counts = [], []
    for strength in (0.0, 0.2, 0.6, 1.0):
        library = build_scheduler(scheduler, "linear", {**config, "clip_sample": False})
        library.set_timesteps(10)
        settings = SampleSettings(10, 1.0, scheduler, "linear", strength)
        start, times = partly_noised(library, image, noise, settings)
        counts.append(len(times))
        likeness.append(float(torch.corrcoef(torch.stack([start.ravel(), image.ravel()]))[0, 1]))
    assert counts == [0, 2, 6, 10]
    assert likeness[0] == pytest.approx(1.0)
    assert likeness[0] > likeness[1] > likeness[2] > likeness[3]
    assert likeness[1] > 0.8
    assert likeness[3] < 0.3


def test_strength_of_zero_gives_the_image_as_the_autoencoder_sees_it(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    values = np.random.default_rng(2).gamma(1.0, 0.1, (32, 32)).astype(np.float32)
    start = write_tiff(tmp_path / "start.tif", values, quantity="sigma_nought")
    model = load_model(tiny_models["reflectivity"])
    (image,) = generate(
        "a city", size=32, init=start, strength=0.0, looks=0, model=tiny_models["reflectivity"]
    )
    pixels = torch.from_numpy(to_model_pixels(read_init(start), model.radiometry, 32, 32))
    with torch.inference_mode():
        seen = model.decode(model.encode(pixels.expand(1, 3, 32, 32)))[0].mean(dim=0).numpy()
    np.testing.assert_allclose(image.sigma_nought, model.radiometry.to_power(seen), rtol=1e-4)


def test_all_schedulers_start_from_an_image(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    from sarloom.options.generate import SCHEDULERS

    start = tmp_path / "start.png"
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (16, 16), np.uint8)).save(start)
    for scheduler in SCHEDULERS:
        (image,) = generate(
            "a city", size=16, steps=6, init=start, scheduler=scheduler, model=tiny_models["sd15"]
        )
        assert np.isfinite(image.amplitude).all()
        assert image.record["init"]["strength"] == 0.6
