"""Encoders that a user names: folders of tiny vision models, read as transformers wrote them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sarloom.errors import InputError, ModelError
from sarloom.evaluate.encoders import features_of
from sarloom.evaluate.encoders.folder import FolderEncoder
from sarloom.evaluate.image import RadarImage
from sarloom.evaluate.view import View


@pytest.fixture(scope="module")
def view() -> View:
    power = np.random.default_rng(0).standard_exponential((96, 80)).astype(np.float32)
    return View(RadarImage("drawn", power), 1.0)


def test_an_image_text_model_gives_its_joint_embedding(tmp_path: Path, view: View) -> None:
    import torch
    from transformers import CLIPConfig, CLIPModel

    tower = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
             "num_attention_heads": 2}  # fmt: skip
    config = CLIPConfig(
        text_config={**tower, "vocab_size": 9}, projection_dim=12,
        vision_config={**tower, "image_size": 32, "patch_size": 16},
    )  # fmt: skip
    torch.manual_seed(0)
    CLIPModel(config).eval().save_pretrained(tmp_path)
    encoder = FolderEncoder(tmp_path)
    assert encoder.side == 32
    found = encoder(view)
    assert found.shape == (12,) and np.isfinite(found).all() and found.std() > 0
    np.testing.assert_array_equal(found, encoder(view))


def test_a_vision_model_gives_its_pooled_output(tmp_path: Path, view: View) -> None:
    from transformers import ViTConfig, ViTModel

    ViTModel(
        ViTConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                  num_attention_heads=2, image_size=32, patch_size=16)
    ).save_pretrained(tmp_path)  # fmt: skip
    summaries, metrics = features_of(("descriptor", str(tmp_path)))
    assert [function(view).shape for _, function in summaries] == [(32,), (16,)]
    assert {metric.section for metric in metrics} == {
        "Features: descriptor", f"Features: {tmp_path.name}",
    }  # fmt: skip


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path, view: View) -> None:
    with pytest.raises(InputError, match="neither 'descriptor' nor a folder"):
        features_of((str(tmp_path),))
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(ModelError, match="cannot be loaded"):
        FolderEncoder(tmp_path)(view)
