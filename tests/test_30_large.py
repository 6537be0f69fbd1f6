"""Large scenes: windows, noise of a place, seamless speckle, strips, level, stop and go."""

from __future__ import annotations

import resource
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from sarloom.errors import InputError
from sarloom.generate import sample
from sarloom.generate.large.decode import decoded_rows, encode_canvas
from sarloom.generate.large.denoise import Canvas, denoise
from sarloom.generate.large.guides import Guides, GuideSpec
from sarloom.generate.large.level import Level, Sums, gain
from sarloom.generate.large.noise import latent_noise, speckle_noise
from sarloom.generate.large.run import SceneJob, make_scene
from sarloom.generate.large.sources import ArraySource, PowerSource
from sarloom.generate.large.speckle import kernel, speckled_power
from sarloom.generate.large.state import Work
from sarloom.generate.large.windows import shifts, windows
from sarloom.generate.sample import SampleSettings, encode_prompts
from sarloom.generate.schedule import build_scheduler
from sarloom.generate.speckled import grey
from sarloom.memory import _glibc, kept_memory
from sarloom.models.control import ControlLayout
from sarloom.models.load import load_model
from sarloom.models.loaded import LoadedModel
from sarloom.sar.psf import PointSpread, apply_psf


def quiet(done: int, total: int, what: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def model(tiny_models: dict[str, Path]) -> LoadedModel:
    return load_model(str(tiny_models["reflectivity"]))


# -- windows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [5, 32, 48, 49, 57, 64, 65, 100, 512])
@pytest.mark.parametrize("overlap", [0, 3, 4, 12])
@pytest.mark.parametrize("blend", [None, 0, 2])
def test_windows_cover_every_place_once(length: int, overlap: int, blend: float | None) -> None:
    for shift in (None, -1.0, -0.3, 0.0, 1.0):
        found = windows(length, 48, overlap, least=32, blend=blend, shift=shift)
        for fine in (1, 4):
            total = np.zeros(length * fine)
            for window in found:
                assert 0 <= window.start < window.stop <= length
                assert min(32, length) <= window.stop - window.start <= 48
                total[window.start * fine : window.stop * fine] += window.weights(fine)
            np.testing.assert_allclose(total, 1, atol=1e-6)
    assert len(windows(min(length, 48), 48, overlap, shift=0.5)) == 1  # as if drawn in one piece


def test_windows_see_beyond_their_cuts() -> None:
    found = windows(200, 48, 4, least=32, blend=2, shift=0.7)
    assert len(found) > 4
    for before, after in pairwise(found):
        assert before.right == after.left
        assert before.stop - before.right >= 2 and after.left - after.start >= 2
        # beyond the band of the blend a window reads, but says nothing
        says = np.flatnonzero(before.weights()) + before.start
        assert says[-1] == before.right < before.stop - 1
        at_cut = before.weights()[before.right - before.start - 2 :][:3]
        assert at_cut[0] == 1 > at_cut[1] > 0.5 > at_cut[2] > 0


def test_little_is_computed_twice() -> None:
    """What bounds time per area is the same whatever the size of the scene."""

    def ratio(length: int, overlap: int, shift: float | None) -> float:
        found = windows(length, 64, overlap, least=32, blend=2, shift=shift)
        return sum(one.stop - one.start for one in found) ** 2 / length**2

    for shift in (None, -1.0, 0.0, 1.0):
        for length in (128, 192, 256, 512, 1024):
            # in small scenes outer windows are grown to what the network was trained on
            assert ratio(length, 4, shift) <= (1.18 if shift and length < 256 else 1.14)
            assert ratio(length, 2, shift) <= (1.15 if shift and length <= 256 else 1.07)
            assert ratio(length, 8, shift) <= 1.31  # while the layout is decided


def test_memory_is_kept_and_given_back() -> None:
    if not Path("/proc/self/statm").exists() or _glibc() is None:
        pytest.skip("only glibc can be told")

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(4):
            torch.empty(2**26, dtype=torch.uint8).fill_(1)  # beyond what is kept without being told
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before, without = resident(), faults()
    with kept_memory():
        # what is freed may lie in pieces at first
        assert min(faults() for _ in range(8)) < without / 8
        assert resident() - before > 2**26 - 2**22
    assert resident() - before < 2**25


def test_cuts_move_from_step_to_step() -> None:
    cuts = [
        {one.left for one in windows(200, 48, 4, shift=shifts(1, step)[0])} - {None}
        for step in range(12)
    ]
    often = max(sum(place in one for one in cuts) for place in set.union(*cuts))
    assert often <= 4  # of 12 steps; without shifts every cut stands in all of them
    assert shifts(1, 3) == shifts(1, 3) != shifts(2, 3)


def test_windows_share_more_while_the_layout_is_decided(model: LoadedModel) -> None:
    text = encode_prompts(model, "a city", "", 1.0)
    settings = SampleSettings(12, 1.0, "dpm++", "linear")
    canvas = Canvas(model, text, settings, 90, 90, 3, 16)
    assert canvas.window < canvas.largest

    def shared(step: int) -> int:
        first, second = canvas.laid_out(step, 12)[0][:2]
        return first.stop - second.start

    early, late = [shared(step) for step in range(4)], [shared(step) for step in range(4, 12)]
    assert min(early) > max(late) > 0
    # no step joins two windows without any blend, unless no cells are shared
    assert all(one.blend > 0 for step in range(12) for one in canvas.laid_out(step, 12)[0])


# -- random numbers --------------------------------------------------------------------------------


def test_noise_hangs_on_its_place_alone() -> None:
    whole = latent_noise(7, 3, slice(0, 70), slice(0, 100))
    part = latent_noise(7, 3, slice(20, 65), slice(31, 99))
    np.testing.assert_array_equal(whole[:, 20:65, 31:99], part)
    assert abs(whole.mean()) < 0.02 and abs(whole.std() - 1) < 0.02
    assert not np.array_equal(whole, latent_noise(8, 3, slice(0, 70), slice(0, 100)))
    blocks = whole[:, :64, :96].reshape(3, 2, 32, 3, 32).transpose(1, 3, 0, 2, 4).reshape(6, -1)
    assert np.abs(np.corrcoef(blocks) - np.eye(6)).max() < 0.08  # no block repeats another
    field = speckle_noise(7, 0, slice(200, 300), slice(240, 280))
    np.testing.assert_array_equal(field[60:], speckle_noise(7, 0, slice(260, 300), slice(240, 280)))


def test_speckle_is_the_same_in_any_pieces() -> None:
    rng = np.random.default_rng(0)
    power = rng.gamma(1.0, 1.0, (300, 280)).astype(np.float32)

    def read(rows: slice, columns: slice) -> np.ndarray:
        return power[rows, columns]

    whole = speckled_power(read, power.shape, slice(0, 300), slice(0, 280), 2, 5)
    for rows, columns in ((slice(0, 129), slice(0, 280)), (slice(129, 300), slice(255, 260))):
        part = speckled_power(read, power.shape, rows, columns, 2, 5)
        np.testing.assert_array_equal(whole[rows, columns], part)
    one = speckled_power(read, power.shape, slice(0, 300), slice(0, 280), 1, 5)
    field = speckle_noise(5, 0, slice(0, 300), slice(0, 280)) * np.sqrt(power)
    full = np.abs(apply_psf(field, PointSpread())) ** 2
    np.testing.assert_allclose(one, full, rtol=1e-3, atol=1e-4)
    assert len(kernel(PointSpread())) == 7  # a Taylor window of nbar 4 is seven taps and no more


def test_speckle_has_its_law_across_blocks() -> None:
    power = np.full((512, 512), 0.1, np.float32)
    made = speckled_power(
        lambda rows, columns: power[rows, columns], power.shape, slice(0, 512), slice(0, 512), 1, 0
    )
    assert abs(made.mean() / 0.1 - 1) < 0.02
    assert abs(made.mean() ** 2 / made.var() - 1) < 0.04
    # neighbours are as alike over a block border as anywhere
    inside = np.corrcoef(made[100:101].ravel(), made[101:102].ravel())[0, 1]
    rows = [np.corrcoef(made[r], made[r + 1])[0, 1] for r in range(0, 500, 7)]
    border = np.corrcoef(made[255], made[256])[0, 1]
    assert abs(border - np.mean(rows)) < 4 * np.std(rows)
    assert inside > 0.1


# -- decoding --------------------------------------------------------------------------------------


def test_strips_are_the_windows_blended(model: LoadedModel) -> None:
    torch.manual_seed(0)
    latents = torch.randn(1, model.latent_channels, 21, 18)
    with torch.inference_mode():
        strips = list(decoded_rows(model, latents, 8, 3))
        whole = np.concatenate([pixel for _, pixel in strips])
        assert whole.shape == (21 * model.cell, 18 * model.cell)
        assert [row for row, _ in strips] == list(
            np.cumsum([0, *(len(pixel) for _, pixel in strips)])[:-1]
        )
        down, across = windows(21, 8, 3)[0], windows(18, 8, 3)[0]
        corner = grey(model.decode(latents[:, :, : down.stop, : across.stop])[0])[0]
        clear = 2 * model.cell  # the first window alone
        assert clear <= (min(down.stop, across.stop) - 4) * model.cell
        np.testing.assert_allclose(whole[:clear, :clear], corner[:clear, :clear], atol=1e-5)
        for after in (strips[1][0], strips[-1][0], 7):
            rest = list(decoded_rows(model, latents, 8, 3, after))
            assert rest[0][0] == after
            again = np.concatenate([pixel for _, pixel in rest])
            np.testing.assert_allclose(again, whole[after:], atol=1e-6)


def test_a_picture_is_encoded_in_windows(model: LoadedModel) -> None:
    picture = np.random.default_rng(0).random((1, 40, 36), np.float32)
    with torch.inference_mode():
        made = encode_canvas(model, ArraySource(picture), 20, 18, 8, 2)
        down, across = windows(20, 8, 2)[0].stop, windows(18, 8, 2)[0].stop
        corner = torch.from_numpy(picture[:, : 2 * down, : 2 * across])[None]
        whole = model.encode(corner.expand(1, 3, -1, -1).contiguous())
    clear = slice(0, down - 2), slice(0, across - 2)
    np.testing.assert_allclose(made[0][:, *clear], whole[0][:, *clear], atol=1e-5)


# -- pictures and level ----------------------------------------------------------------------------


def test_power_lies_where_it_lay() -> None:
    power = np.zeros((6, 5), np.float32)
    power[2, 3] = 1
    source = PowerSource(power, 0.125, 0.125)
    fine = source.read(slice(0, 48), slice(0, 40))[0]
    rows, columns = np.indices(fine.shape) + 0.5
    assert abs((fine * rows).sum() / fine.sum() / 8 - 2.5) < 1e-3
    assert abs((fine * columns).sum() / fine.sum() / 8 - 3.5) < 1e-3
    part = source.read(slice(13, 30), slice(22, 40))[0]
    np.testing.assert_array_equal(part, fine[13:30, 22:40])
    beyond = source.read(slice(-4, 2), slice(38, 44))[0]
    np.testing.assert_array_equal(beyond, np.zeros_like(beyond))


def test_level_is_kept_and_said() -> None:
    rng = np.random.default_rng(1)
    truth = np.exp(rng.standard_normal((30, 40))).astype(np.float32)
    truth[:, 20:] *= 10
    valid = np.ones(truth.shape, bool)
    valid[:5, :5] = False
    drawn = np.full((300, 400), 0.3, np.float32)
    level = Level(PowerSource(truth, 0.1, 0.1), 4.0, 0.0, valid)
    sums = Sums(level)
    for row in range(0, 300, 64):
        sums.add(drawn[row : row + 64], row)
    np.testing.assert_allclose(sums.mean, 0.3, rtol=1e-5)
    factor, figures = gain(sums)
    made = drawn * factor.read(slice(0, 300), slice(0, 400))[0]
    coarse = made.reshape(30, 10, 40, 10).mean((1, 3))
    assert abs(10 * np.log10(coarse[valid].mean() / truth[valid].mean())) < 0.1
    for half in (slice(0, 16), slice(24, 40)):  # away from the edge the smoothing blurs
        ratio = coarse[5:, half].mean() / truth[5:, half].mean()
        assert abs(10 * np.log10(ratio)) < 0.5
    before = 10 * np.log10(0.3 / truth[valid].mean())
    assert figures["difference_before_db"] == pytest.approx(before, abs=1e-3)
    assert figures["difference_after_db"] == pytest.approx(0, abs=1e-3)


def test_controls_are_embedded_in_pieces(
    tiny_models: dict[str, Path], model: LoadedModel, tmp_path: Path
) -> None:
    from test_40_control import random_control

    layout = ControlLayout(("satellite",), shared=True)
    folder = random_control(tiny_models["reflectivity"], tmp_path / "control", layout)
    from sarloom.generate.control.request import ControlModel

    picture = np.random.default_rng(0).random((1, 80, 72), np.float32)
    # in double precision pieces and whole agree, whichever kernels their sizes choose
    model = replace(model, dtype=torch.float64)
    guides = Guides(
        model, [GuideSpec("satellite", ArraySource(picture))], [ControlModel(folder)], {}
    )
    head = guides.networks[0].network.controlnet_cond_embedding
    with torch.inference_mode():
        stack = guides.networks[0].layout.stack({"satellite": picture}, 80, 72)
        whole = head(torch.from_numpy(stack)[None].double())[0].numpy()
        guides.embed(40, 36, tmp_path)
    assert whole.dtype == np.float64
    np.testing.assert_allclose(np.load(tmp_path / "guide-0.npy"), whole, rtol=1e-6, atol=1e-9)
    with pytest.raises(InputError, match="no control for sketch"):
        Guides(model, [GuideSpec("sketch", ArraySource(picture))], [ControlModel(folder)], {})


# -- whole scenes ----------------------------------------------------------------------------------


def job_of(model: LoadedModel, path: Path, **changes: object) -> SceneJob:
    record = {
        "software": "sarloom", "prompt": "a city", "calibration": "sigma_nought", "seed": 3
    }  # fmt: skip
    values = {
        "model": model, "path": path, "shape": (78, 67), "prompt": "a city", "negative": "",
        "settings": SampleSettings(3, 2.0, "dpm++", "linear"), "seed": 3, "looks": 1,
        "stride": 24, "record": record, **changes,
    }  # fmt: skip
    return SceneJob(**values)  # type: ignore[arg-type]


def pixels(path: Path) -> np.ndarray:
    import rasterio

    with rasterio.open(path) as raster:
        return np.asarray(raster.read(1))


def test_a_stopped_scene_goes_on(model: LoadedModel, tmp_path: Path) -> None:
    whole = make_scene(job_of(model, tmp_path / "whole.tif"), quiet)
    assert [path.name for path in whole] == ["whole.tif", "whole.preview.png", "whole.json"]
    expected = pixels(whole[0])
    assert expected.shape == (78, 67) and np.isfinite(expected).all() and expected.std() > 0

    seen: list[str] = []

    def stop_at(when: int, what: str) -> None:
        count = 0

        def tick(done: int, total: int, doing: str) -> None:
            nonlocal count
            seen.append(doing)
            count += doing.startswith(what)
            if count == when:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            make_scene(job_of(model, tmp_path / "parts.tif"), tick)

    stop_at(5, "step 2")
    assert not (tmp_path / "parts.tif").exists()
    seen.clear()
    stop_at(2, "decoding")
    assert not any(one.startswith("step 1") for one in seen)  # the first step was kept
    with pytest.raises(InputError, match="unfinished scene of other settings"):
        make_scene(job_of(model, tmp_path / "parts.tif", record={"seed": 4}), quiet)
    seen.clear()
    stop_at(1, "speckle")
    assert not any(one.startswith("step") for one in seen)
    files = make_scene(job_of(model, tmp_path / "parts.tif"), quiet)
    np.testing.assert_array_equal(pixels(files[0]), expected)
    assert not (tmp_path / "parts.part").exists()


def test_a_scene_of_one_window_is_the_plain_picture(model: LoadedModel, tmp_path: Path) -> None:
    settings = SampleSettings(3, 2.0, "dpm++", "linear")
    text = encode_prompts(model, "a city", "", settings.guidance)
    side = Canvas(model, text, settings, 8, 8, 3, 24).largest
    canvas = Canvas(model, text, settings, side, side, 3, 24)
    noise = latent_noise(3, model.latent_channels, slice(0, side), slice(0, side))
    scheduler = build_scheduler(settings.scheduler, settings.spacing, model.parts.scheduler_config)
    scheduler.set_timesteps(settings.steps)
    with torch.inference_mode():
        made = denoise(canvas, Work(tmp_path / "one.tif", {}), None, quiet)
        start = torch.from_numpy(noise)[None] * scheduler.init_noise_sigma
        plain = sample.denoise(
            model, scheduler, start, scheduler.timesteps, text, None, settings.guidance,
            torch.Generator(),
        )  # fmt: skip
    np.testing.assert_allclose(made, plain, rtol=1e-5, atol=1e-5)
    assert float(made.std()) > 0


def test_samplers_that_cannot_be_stopped_are_refused(model: LoadedModel, tmp_path: Path) -> None:
    settings = SampleSettings(3, 2.0, "euler_a", "linear")
    with pytest.raises(InputError, match=r"use ddim, euler, dpm\+\+"):
        make_scene(job_of(model, tmp_path / "no.tif", settings=settings), quiet)
    assert not any(tmp_path.iterdir())


def test_generate_writes_a_large_scene(
    tiny_models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import rasterio

    from sarloom import generate as generate_images
    from sarloom.generate.info import read_info
    from sarloom.options.generate import GenerateOptions
    from sarloom.workflows import generate

    base = str(tiny_models["reflectivity"])
    wanted = GenerateOptions(
        "a city", size="1040x16", steps=1, guidance=1.0, model=base, out=tmp_path, seed=5, stride=32
    )
    files = generate(wanted)
    assert files[0] == tmp_path / "city-5.tif"
    with rasterio.open(files[0]) as raster:
        assert raster.shape == (16, 1040) and raster.dtypes == ("float32",)
        assert raster.transform.a == pytest.approx(0.35)
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    info = read_info(files[0])
    assert "--size 1040x16" in info.command and "--stride 32" in info.command
    assert str(files[0]) in capsys.readouterr().out
    with pytest.raises(InputError, match="written to disk"):
        generate_images("a city", size="1040x16", model=base)
