"""What several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working copy."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real SAR images beside the working copy; tests that need them skip without."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder}")
    return folder


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of tiny random models: sd15, sd21 (v-prediction), sdxl, and one drawing sigma-nought.

    The last is called reflectivity: like the embedded model its pixels are speckle-free decibels.
    """
    from tiny_models import save_model

    root = tmp_path_factory.mktemp("models")
    folders = {family: save_model(root / family, family) for family in ("sd15", "sd21", "sdxl")}
    folders["reflectivity"] = save_model(
        root / "reflectivity",
        "sd21",
        seed=1,
        scale="db",
        speckle="none",
        calibration="sigma_nought",
        spacing_m=0.35,
    )
    return folders
