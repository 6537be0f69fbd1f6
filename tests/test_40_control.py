"""Controls: trained for every base, saved, run by stock pipelines, weighed, and made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from sarloom.errors import InputError, ModelError
from sarloom.generate.control.controls import Controls
from sarloom.generate.record import command_of, options_of
from sarloom.generate.run import check_request, preview, produce
from sarloom.generate.sample import SampleSettings, encode_prompts, initial_noise, sample
from sarloom.generate.schedule import library_scheduler
from sarloom.models.control import ControlLayout, load_control
from sarloom.models.load import load_model
from sarloom.models.numbers import NumberEmbedding
from sarloom.options.finetune import FinetuneRecipe
from sarloom.options.generate import GenerateOptions
from sarloom.options.simulate import SimulateOptions
from sarloom.train.finetune.methods.control import make_control
from sarloom.train.finetune.methods.control_run import save_control
from sarloom.train.finetune.run import finetune
from tiny_models import save_model

SIDE = 32
PROMPT, NEGATIVE = "a city", "a sea"
FAMILIES = ("sd15", "sd21", "sdxl")
KINDS = ("sketch", "segmentation", "optical", "satellite", "simulated")


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sarloom.workflows import simulate

    folder = tmp_path_factory.mktemp("set") / "tiles"
    simulate(SimulateOptions(kinds=("farmland",), count=3, size=64, tiles=folder, workers=1))
    return folder


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "drawing.png"
    page = Image.new("L", (SIDE, SIDE), 0)
    ImageDraw.Draw(page).ellipse((6, 6, 24, 20), outline=255, width=2)
    page.save(path)
    return path


def recipe_of(base: Path, **changes: Any) -> FinetuneRecipe:
    values: dict[str, Any] = {
        "base": str(base), "control": "controlnet", "condition": ("sketch",), "steps": 2,
        "batch": 2, "size": SIDE, "learning_rate": 1e-2, "warmup_steps": 0,
    }  # fmt: skip
    return FinetuneRecipe(**{**values, **changes})


def random_control(
    base: Path, folder: Path, layout: ControlLayout, light: bool = False, seed: int = 1
) -> Path:
    """A control that changes pictures visibly, without training."""
    model = load_model(base, library_networks=True)
    network = make_control(model, layout, light)
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weights in network.named_parameters():
            if name.startswith("controlnet_") or "cond_embedding.conv_out" in name:
                weights.add_(0.3 * torch.randn_like(weights))
    return save_control(network, layout, folder)


def options(base: Path, **changes: Any) -> GenerateOptions:
    return GenerateOptions(
        **{"prompt": PROMPT, "model": str(base), "steps": 3, "size": str(SIDE), **changes}
    )


def amplitudes(wanted: GenerateOptions) -> list[np.ndarray]:
    return [image.amplitude for image in produce(check_request(wanted))]


# -- training --------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_trained_control_is_a_stock_controlnet(
    family: str, tiny_models: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    from diffusers import ControlNetModel

    base = tiny_models[family]
    folder = finetune(recipe_of(base), tiles, tmp_path / "run", quiet)
    assert folder == tmp_path / "run" / "control"
    theirs = ControlNetModel.from_pretrained(folder)
    # the last layers begin at zero: something was learned
    assert float(theirs.controlnet_mid_block.weight.abs().max()) > 1e-4
    model = load_model(base)
    ours = load_control(folder, model)
    assert type(ours.network).__module__ == "sarloom.models.nets.controlnet"
    z = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    shown = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        text = model.encode_text(["a city", "a sea"])
        added = model.family.added_conditions(text, 16, 16)
        call = (z, torch.tensor(400), text.context, shown, 0.7)
        down, middle = ours.network(*call, added_cond_kwargs=added)
        their_down, their_middle = theirs(*call, added_cond_kwargs=added, return_dict=False)
    torch.testing.assert_close(middle, their_middle, atol=1e-5, rtol=1e-4)
    for one, other in zip(down, their_down, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_one_light_control_reads_every_column(
    tiny_models: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(
        tiny_models["sd21"], control="light", condition=KINDS, window=8,
        mirror=True, noise_shift=2.0, validate_every=1,
    )  # fmt: skip
    run = tmp_path / "run"
    folder = finetune(recipe, tiles, run, quiet)
    layout = ControlLayout.load(folder)
    assert layout.kinds == KINDS and layout.channels == 9
    assert layout.base == load_model(tiny_models["sd21"]).fingerprint
    assert layout.legend["water"] == [40, 100, 200]
    config = json.loads((folder / "config.json").read_text())
    assert not any("CrossAttn" in block for block in config["down_block_types"])


def test_training_goes_on_where_it_was_and_ends_the_same(
    tiny_models: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    recipe = recipe_of(
        tiny_models["sd15"], control="light", steps=3, checkpoint_every=1, window=8, cooldown=0.0
    )
    name = "diffusion_pytorch_model.safetensors"
    whole = load_file(finetune(recipe, tiles, tmp_path / "whole", quiet) / name)
    short = recipe_of(
        tiny_models["sd15"], control="light", steps=2, checkpoint_every=1, window=8, cooldown=0.0
    )
    finetune(short, tiles, tmp_path / "cut", quiet)
    said: list[str] = []
    cut = load_file(finetune(recipe, tiles, tmp_path / "cut", said.append) / name)
    assert any("resuming" in line and "step 2" in line for line in said)
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


def test_a_finished_control_is_trained_further(
    tiny_models: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    base, name = tiny_models["sd15"], "diffusion_pytorch_model.safetensors"
    first = finetune(recipe_of(base, control="light"), tiles, tmp_path / "first", quiet)
    changes = {"control": "light", "control_start": str(tmp_path / "first")}
    still = recipe_of(base, learning_rate=0.0, **changes)
    same = load_file(finetune(still, tiles, tmp_path / "still", quiet) / name)
    before = load_file(first / name)
    assert all(torch.equal(before[key], same[key]) for key in before)
    moved = load_file(finetune(recipe_of(base, **changes), tiles, tmp_path / "on", quiet) / name)
    assert any(not torch.equal(before[key], moved[key]) for key in before)
    for wrong, message in (
        ({"condition": ("optical",)}, "reads sketch"),
        ({"control": "controlnet"}, "other sizes"),
    ):
        with pytest.raises(InputError, match=message):
            finetune(recipe_of(base, **{**changes, **wrong}), tiles, tmp_path / message, quiet)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"condition": ()}, "condition = "),
        ({"condition": ("photo",)}, "sketch, segmentation"),
        ({"numbers": ("weight",)}, "incidence_angle_deg"),
        ({"numbers": ("looks",)}, "told to the U-Net"),
        ({"text_encoder": "full"}, "frozen base"),
        ({"samples": ("a city",)}, "needs a picture"),
    ],
)
def test_recipes_that_cannot_be_trained_are_refused(
    changes: dict[str, Any], message: str, tiny_models: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        finetune(recipe_of(tiny_models["sd15"], **changes), tiles, tmp_path / "run", quiet)


# -- stock pipelines -------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_stock_pipelines_draw_the_same_picture(
    family: str, tiny_models: dict[str, Path], picture: Path, tmp_path: Path
) -> None:
    import diffusers

    base = tiny_models[family]
    folder = random_control(base, tmp_path / "control", ControlLayout(("sketch",)))
    name = "StableDiffusionXLControlNetPipeline"
    pipe = getattr(diffusers, name if family == "sdxl" else name.replace("XL", "")).from_pretrained(
        base, controlnet=diffusers.ControlNetModel.from_pretrained(folder)
    )
    model = load_model(base)
    settings = SampleSettings(4, 4.0, "ddim", "linear")
    pipe.scheduler = library_scheduler("ddim", "linear", model.parts.scheduler_config)
    pipe.set_progress_bar_config(disable=True)
    with Image.open(picture) as opened:
        shown = opened.convert("RGB")
    stock = pipe(
        PROMPT, image=shown, height=SIDE, width=SIDE, latents=initial_noise(model, SIDE, SIDE, 3),
        negative_prompt=NEGATIVE, num_inference_steps=4, guidance_scale=4.0, output_type="np",
        controlnet_conditioning_scale=0.8,
    ).images[0]  # fmt: skip
    wanted = options(
        base, control=(f"sketch={picture}:0.8",), control_model=(str(folder),), control_side="both"
    )
    controls = Controls(model, check_request(wanted).control, SIDE, SIDE)
    with torch.inference_mode():
        text = encode_prompts(model, PROMPT, NEGATIVE, 4.0)
    ours = sample(model, text, settings, SIDE, SIDE, 3, controls=controls).numpy()
    plain = sample(model, text, settings, SIDE, SIDE, 3).numpy()
    # what is compared is the control's work, and it works
    assert np.abs(ours - plain).max() > 0.02
    lines = np.asarray(shown, np.float32)[..., 0] / 255
    np.testing.assert_allclose(controls.prepared[0][0], lines, atol=1e-6)
    np.testing.assert_allclose(ours, stock.transpose(2, 0, 1), atol=1e-3)


def test_a_stock_pipeline_runs_a_shared_control_given_its_stack(
    tiny_models: dict[str, Path], picture: Path, tmp_path: Path
) -> None:
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline

    base = tiny_models["sd21"]
    layout = ControlLayout(("sketch", "optical"), shared=True)
    folder = random_control(base, tmp_path / "control", layout, light=True)
    pipe = StableDiffusionControlNetPipeline.from_pretrained(
        base, controlnet=ControlNetModel.from_pretrained(folder)
    )
    model = load_model(base)
    pipe.scheduler = library_scheduler("ddim", "linear", model.parts.scheduler_config)
    pipe.set_progress_bar_config(disable=True)
    wanted = options(
        base, control=(f"sketch={picture}",), control_model=(str(folder),), control_side="both"
    )
    controls = Controls(model, check_request(wanted).control, SIDE, SIDE)
    stack = layout.stack({"sketch": controls.prepared[0]}, SIDE, SIDE)
    stock = pipe(
        PROMPT, image=torch.from_numpy(stack)[None], height=SIDE, width=SIDE,
        latents=initial_noise(model, SIDE, SIDE, 3), negative_prompt=NEGATIVE,
        num_inference_steps=4, guidance_scale=4.0, output_type="np",
    ).images[0]  # fmt: skip
    with torch.inference_mode():
        text = encode_prompts(model, PROMPT, NEGATIVE, 4.0)
    settings = SampleSettings(4, 4.0, "ddim", "linear")
    ours = sample(model, text, settings, SIDE, SIDE, 3, controls=controls).numpy()
    assert np.abs(ours - sample(model, text, settings, SIDE, SIDE, 3).numpy()).max() > 0.02
    np.testing.assert_allclose(ours, stock.transpose(2, 0, 1), atol=1e-3)


def test_a_guided_picture_leads_the_prompted_half_alone(
    tiny_models: dict[str, Path], picture: Path, tmp_path: Path
) -> None:
    base = tiny_models["sd21"]
    folder = random_control(base, tmp_path / "control", ControlLayout(("sketch",), shared=True))
    model = load_model(base)
    text = encode_prompts(model, PROMPT, NEGATIVE, 4.0)
    z = torch.randn((1, model.latent_channels, 4, 4), generator=torch.Generator().manual_seed(0))
    added = {}
    for side in ("both", "guided"):
        wanted = options(
            base, control=(f"sketch={picture}",), control_model=(str(folder),), control_side=side
        )
        controls = Controls(model, check_request(wanted).control, 4 * model.cell, 4 * model.cell)
        with torch.inference_mode():
            led = controls.at(torch.cat([z, z]), torch.tensor(500), text, None, 0.0)
        added[side] = [
            *led["down_block_additional_residuals"], led["mid_block_additional_residual"]
        ]  # fmt: skip
    for both, guided in zip(added["both"], added["guided"], strict=True):
        assert guided.shape == both.shape
        assert not guided[0].any()
        torch.testing.assert_close(guided[1], both[1], atol=1e-5, rtol=1e-4)
    assert any(both[0].abs().max() > 1e-3 for both in added["both"])


# -- generation ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared_control(
    tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A base that is told the incidence angle, and a light control of two kinds."""
    base = tmp_path_factory.mktemp("told") / "base"
    shutil.copytree(tiny_models["reflectivity"], base)
    width = load_model(base).parts.unet.time_embedding.linear_2.weight.shape[0]
    numbers = NumberEmbedding(("incidence_angle_deg",), width)
    torch.manual_seed(3)
    torch.nn.init.normal_(numbers.linear_2.weight)
    numbers.save(base / "numbers")
    layout = ControlLayout(("sketch", "optical"), shared=True)
    return base, random_control(base, tmp_path_factory.mktemp("c") / "control", layout, light=True)


def test_weights_ranges_and_numbers_change_the_picture(
    shared_control: tuple[Path, Path], picture: Path
) -> None:
    base, folder = shared_control

    def drawn(*controls: str, **more: Any) -> np.ndarray:
        named = {"control_model": (str(folder),)} if controls or more else {}
        return amplitudes(options(base, control=controls, looks=0, **named, **more))[0]

    plain = drawn()
    full = drawn(f"sketch={picture}")
    assert np.array_equal(drawn(f"sketch={picture}:0"), plain)
    assert not np.allclose(full, plain)
    # three steps begin at 0, 1/3 and 2/3: a range between them does nothing
    assert np.array_equal(drawn(f"sketch={picture}@0.4-0.6"), plain)
    assert not np.allclose(drawn(f"sketch={picture}@0-0.5"), full)
    both = drawn(f"sketch={picture}", f"optical={picture}")
    assert np.array_equal(both, drawn(f"sketch={picture}:0.5", f"optical={picture}:0.5"))
    assert not np.allclose(drawn(incidence_deg=30.0), plain)
    assert not np.allclose(drawn(incidence_deg=30.0), drawn(incidence_deg=70.0))
    assert np.array_equal(drawn(spacing_m=0.35), plain)


def test_controlled_images_do_not_hang_on_their_number_and_are_made_again(
    shared_control: tuple[Path, Path], picture: Path
) -> None:
    base, folder = shared_control
    wanted = options(
        base, control=(f"sketch={picture}:0.7@0-0.6", f"optical={picture}"),
        control_model=(str(folder),), incidence_deg=40.0, count=3, seed=5,
    )  # fmt: skip
    first, second, third = produce(check_request(wanted))
    record = json.loads(json.dumps(third.record))
    assert record["control"]["numbers"] == {"incidence_angle_deg": 40.0}
    assert [one["spec"] for one in record["control"]["pictures"]] == [
        f"sketch={picture}:0.7@0-0.6", f"optical={picture}:0.5@0-1",
    ]  # fmt: skip
    (again,) = produce(check_request(options_of(record)))
    assert np.array_equal(again.amplitude, third.amplitude)
    assert again.record == third.record
    assert not np.array_equal(first.amplitude, second.amplitude)
    command = command_of(record)
    assert f"--control sketch={picture}:0.7@0-0.6" in command and "--incidence-deg 40.0" in command


def test_a_simulated_picture_needs_no_guidance_unless_asked(
    tiny_models: dict[str, Path], tmp_path: Path, picture: Path
) -> None:
    base = tiny_models["reflectivity"]
    layout = ControlLayout(("sketch", "simulated"), shared=True)
    folder = str(random_control(base, tmp_path / "control", layout, light=True))

    def drawn(*kinds: str, **more: Any) -> tuple[float, np.ndarray]:
        control = tuple(f"{kind}={picture}" for kind in kinds)
        wanted = options(base, control=control, control_model=(folder,), looks=0, **more)
        (image,) = produce(check_request(wanted))
        assert options_of(image.record).guidance == image.record["guidance"]
        return image.record["guidance"], image.amplitude

    guidance, usual = drawn("simulated")
    assert guidance == 1.0
    assert np.array_equal(drawn("simulated", guidance=1.0)[1], usual)
    guidance, strong = drawn("simulated", guidance=5.0)
    assert guidance == 5.0 and not np.allclose(strong, usual)
    assert drawn("sketch")[0] == 5.0
    assert drawn("sketch", "simulated")[0] == 1.0


def test_info_prints_the_command_and_says_what_changed(
    shared_control: tuple[Path, Path], picture: Path, tmp_path: Path
) -> None:
    from sarloom.generate.info import describe, read_info
    from sarloom.generate.run import run

    base, folder = shared_control
    own = tmp_path / "own.png"
    own.write_bytes(picture.read_bytes())
    wanted = options(
        base, control=(f"sketch={own}",), control_model=(str(folder),), out=tmp_path / "out"
    )
    (saved,) = run(wanted)
    info = read_info(saved.files[0])
    assert ("control", f"sketch={own}:1@0-1") in describe(info)
    assert not info.warnings
    own.write_bytes(b"")
    assert any("has changed since" in line for line in read_info(saved.files[0]).warnings)


def test_previews_show_what_the_network_reads(
    shared_control: tuple[Path, Path], picture: Path, tmp_path: Path
) -> None:
    base, folder = shared_control
    wanted = options(
        base, control=(f"sketch={picture}",), control_model=(str(folder),), out=tmp_path,
        preview_control=True,
    )  # fmt: skip
    (path,) = preview(wanted)
    assert path.name == "city-control-1-sketch.png"
    with Image.open(path) as shown, Image.open(picture) as given:
        assert np.array_equal(np.asarray(shown), np.asarray(given))


def test_what_no_network_reads_is_refused(
    shared_control: tuple[Path, Path], tiny_models: dict[str, Path], picture: Path, tmp_path: Path
) -> None:
    base, folder = shared_control
    with pytest.raises(InputError, match="no control for satellite"):
        amplitudes(options(base, control=(f"satellite={picture}",), control_model=(str(folder),)))
    with pytest.raises(InputError, match="no control for sketch"):
        amplitudes(options(base, control=(f"sketch={picture}",)))
    with pytest.raises(InputError, match=r"draws pixels of 0\.35 m and no others"):
        amplitudes(options(base, spacing_m=1.0))
    with pytest.raises(InputError, match=r"--polarization: .* cannot be told"):
        amplitudes(options(base, polarization="HV", control_model=(str(folder),)))
    with pytest.raises(ModelError, match="holds no control network"):
        amplitudes(options(base, control=(f"sketch={picture}",), control_model=(str(base),)))
    other = save_model(tmp_path / "other", "sd15")
    config = json.loads((other / "unet" / "config.json").read_text())
    assert config["block_out_channels"] == [32, 48]
    wide = random_control(other, tmp_path / "wide", ControlLayout(("sketch",)))
    changed = json.loads((wide / "config.json").read_text())
    changed["block_out_channels"] = [64, 96]
    (wide / "config.json").write_text(json.dumps(changed))
    with pytest.raises(ModelError, match=r"made for a base with block_out_channels"):
        amplitudes(options(other, control=(f"sketch={picture}",), control_model=(str(wide),)))


def test_a_control_of_another_version_of_the_base_is_doubted(
    tiny_models: dict[str, Path], picture: Path, tmp_path: Path
) -> None:
    base = tiny_models["sd15"]
    own = load_model(base).fingerprint
    said: list[str] = []
    for number, mark in enumerate((own, "0" * 16)):
        layout = ControlLayout(("sketch",), base=mark)
        folder = random_control(base, tmp_path / str(number), layout)
        wanted = options(base, control=(f"sketch={picture}",), control_model=(str(folder),))
        list(produce(check_request(wanted), on_warning=said.append))
        assert len(said) == number
    assert "another version" in said[0]


def test_controls_of_older_versions_are_read_or_say_what_to_do(tmp_path: Path) -> None:
    ControlLayout(("sketch",), base="0").save(tmp_path)
    path = tmp_path / "control.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "numbers": []}))
    assert ControlLayout.load(tmp_path) == ControlLayout(("sketch",), base="0")
    for wrong, reason in (
        ({**about, "numbers": ["spacing_m"]}, "train it again"),
        ([1], "no description"),
        ("text", "no description"),
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(ModelError, match=reason):
            ControlLayout.load(tmp_path)


def test_a_foreign_controlnet_needs_its_kind_named(
    tiny_models: dict[str, Path], picture: Path, tmp_path: Path
) -> None:
    base = tiny_models["sd15"]
    folder = random_control(base, tmp_path / "foreign", ControlLayout(("sketch",)))
    (folder / "control.json").unlink()
    control = (f"sketch={picture}",)
    with pytest.raises(ModelError, match=r"--control-model sketch="):
        amplitudes(options(base, control=control, control_model=(str(folder),)))
    (led,) = amplitudes(options(base, control=control, control_model=(f"sketch={folder}",)))
    (plain,) = amplitudes(options(base))
    assert not np.allclose(led, plain)
