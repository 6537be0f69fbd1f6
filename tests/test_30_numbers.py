"""Numbers of the acquisition beside the text: told through the time embedding, else nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sarloom.errors import InputError, ModelError
from sarloom.models.architecture import Architecture, make_unet
from sarloom.models.load import load_model
from sarloom.models.loaded import LoadedModel
from sarloom.models.locate import locate_model
from sarloom.models.numbers import FOLDER, NumberEmbedding, load_numbers

NAMES = ("incidence_angle_deg", "range_azimuth_deg", "polarization")
SMALL = Architecture((8, 8, 16), 4, (32, 32), 1, 32, 1, 64)


def learned(names: tuple[str, ...] = NAMES, width: int = 128) -> NumberEmbedding:
    """An embedding that says something."""
    torch.manual_seed(4)
    made = NumberEmbedding(names, width)
    torch.nn.init.normal_(made.linear_2.weight)
    torch.nn.init.normal_(made.linear_2.bias)
    return made


def draw(unet: torch.nn.Module, n: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    noisy = torch.randn(n, 4, 8, 8, generator=generator)
    words = torch.randn(n, 5, 32, generator=generator)
    with torch.inference_mode():
        return unet(noisy, torch.tensor([500] * n), words, return_dict=False)[0]


def test_what_is_not_told_changes_nothing_and_what_is_told_does() -> None:
    unet = make_unet(SMALL).eval()
    with torch.no_grad():  # a new network starts its blocks at zero
        for parameter in unet.parameters():
            parameter.normal_(0, 0.1)
    before = draw(unet)
    numbers = learned()
    numbers.attach(unet)
    assert torch.equal(draw(unet), before)
    with numbers.telling([{}, {"incidence_angle_deg": 40.0}]):
        told = draw(unet)
    assert torch.equal(told[0], before[0])
    assert not torch.allclose(told[1], before[1], atol=1e-3)
    assert torch.equal(draw(unet), before)
    with pytest.raises(RuntimeError, match="stop"), numbers.telling([{}, {"polarization": "VV"}]):
        raise RuntimeError("stop")
    assert torch.equal(draw(unet), before)


def test_an_untrained_embedding_changes_nothing() -> None:
    assert not NumberEmbedding(NAMES, 16)([{"incidence_angle_deg": 40.0}]).any()


def test_each_number_and_each_value_is_told_apart() -> None:
    numbers = learned()
    told = numbers(
        [
            {},
            {"incidence_angle_deg": 40.0},
            {"incidence_angle_deg": 41.0},
            {"range_azimuth_deg": 40.0},
            {"incidence_angle_deg": 40.0, "polarization": "HV"},
            {"range_azimuth_deg": 400.0},
        ]
    )
    assert not told[0].any()
    apart = torch.cdist(told[:5], told[:5]) + torch.eye(5)
    assert float(apart.detach().min()) > 0.05
    assert torch.allclose(told[3], told[5], atol=1e-4)  # a full turn later
    assert torch.allclose(numbers([{"incidence_angle_deg": 40.0}]), told[1:2], atol=1e-5)


@pytest.mark.parametrize("values", [{"incidence_angle_deg": 95.0}, {"polarization": "RH"}])
def test_impossible_numbers_are_refused(values: dict[str, float | str]) -> None:
    with pytest.raises(InputError, match=r"incidence|polarization"):
        learned()([values])
    with pytest.raises(InputError, match="elevation"):
        NumberEmbedding(("elevation",), 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model with an embedding of our own."""
    copy = tmp_path_factory.mktemp("model") / "model"
    shutil.copytree(locate_model("embedded").root, copy)
    shutil.rmtree(copy / FOLDER, ignore_errors=True)
    width = load_model("embedded").parts.unet.time_embedding.linear_2.weight.shape[0]
    learned(width=width).save(copy / FOLDER)
    return copy


def told(model: LoadedModel) -> torch.Tensor:
    text = model.encode_text(["a city"])
    z = torch.randn(1, model.latent_channels, 8, 8, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode(), model.telling({"incidence_angle_deg": 30.0, "looks": 2}, 1):
        predicted: torch.Tensor = model.parts.unet(
            z, torch.tensor(500), text.context, return_dict=False
        )[0]
    return predicted


def test_a_model_folder_keeps_it_and_both_networks_are_told(folder: Path) -> None:
    ours, library = load_model(folder), load_model(folder, library_networks=True)
    assert ours.number_names == NAMES
    assert type(ours.parts.unet) is not type(library.parts.unet)
    assert torch.allclose(told(ours), told(library), atol=2e-4)
    plain = load_model(folder)
    assert plain.parts.numbers is not None
    torch.nn.init.zeros_(plain.parts.numbers.linear_2.weight)
    torch.nn.init.zeros_(plain.parts.numbers.linear_2.bias)
    assert not torch.allclose(told(plain), told(ours), atol=1e-2)


def test_other_weights_make_another_model(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    path = other / FOLDER / "model.safetensors"
    weights = load_file(path)
    save_file({name: value + 1 for name, value in weights.items()}, path)
    assert load_model(other).fingerprint != load_model(folder).fingerprint


def test_damage_is_named(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    path = other / FOLDER / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match="numbers"):
        load_numbers(other)
    with pytest.raises(ModelError, match="numbers"):
        load_model(other)
