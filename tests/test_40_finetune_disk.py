"""A disk that fills up while tiles, sentences or results are written: one line, and it goes on."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from chip_sets import chip_set
from sarloom.errors import TrainingError
from sarloom.options.finetune import FinetuneRecipe
from sarloom.options.toml import load_table
from sarloom.train.finetune.room import number_of, saying_when_full
from sarloom.train.finetune.run import finetune
from tiny_models import save_model

LIMIT = 9_000
"""Largest file [bytes] that a run may write: less than latents or sentences."""


def test_a_full_disk_is_one_line_and_the_run_goes_on(tmp_path: Path) -> None:
    tiles = chip_set(tmp_path / "tiles", train=4)
    base = save_model(tmp_path / "base")
    recipe = tmp_path / "lora.toml"
    numbers = "rank = 4\nsteps = 1\nbatch = 2\nsize = 32\nmemorised = 0\n"
    recipe.write_text(f'base = "{base}"\nunet = "lora"\n{numbers}')
    words = ["-m", "sarloom", "train", str(recipe), "--tiles", str(tiles), "--device", "cpu"]
    command = [sys.executable, *words, "--out", str(tmp_path / "run")]
    full = subprocess.run(
        command, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
    )  # fmt: skip
    assert full.returncode == 2, full.stderr
    assert "Traceback" not in full.stderr and "File too large" in full.stderr
    assert full.stderr.rstrip().splitlines()[-1].startswith("sarloom: ")
    assert not list((tmp_path / "run").rglob(".*.safetensors"))
    finetune(load_table(FinetuneRecipe, recipe), tiles, tmp_path / "run", print, "cpu")
    assert (tmp_path / "run" / "adapter.safetensors").is_file()


def test_only_a_full_disk_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="make room"), saying_when_full(tmp_path):
        raise OSError(28, "No space left on device")
    with pytest.raises(PermissionError), saying_when_full(tmp_path):
        raise PermissionError(13, "Permission denied")
    assert number_of(ValueError("no number")) is None
