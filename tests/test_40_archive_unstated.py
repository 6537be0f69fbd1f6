"""A search says how many products it left out only because they do not state what is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive_files import Product
from sarloom import index_archive, search_archive
from stac_server import StacServer, serving
from tile_sets import run

TIME = "2021-06-01T10:00:00Z"
PRODUCTS = (
    Product("a-all", (0.0, 0.0, 1.0, 1.0), TIME, "X", "HH", 1.0, 40.0, "right"),
    Product("b-no-band", (0.0, 0.0, 1.0, 1.0), TIME, None, "HH", 1.0, 40.0, "right"),
    Product("c-no-band-no-side", (0.0, 0.0, 1.0, 1.0), TIME, None, "HH", 1.0, 40.0, None),
    Product("d-other-band", (0.0, 0.0, 1.0, 1.0), TIME, "C", "HH", 1.0, 40.0, None),
    Product("e-no-time", (5.0, 5.0, 6.0, 6.0), None, "X", "HH", 1.0, None, "right"),
    Product("f-nothing"),
)
CASES: list[tuple[dict[str, Any], int, dict[str, int]]] = [
    ({}, 6, {}),
    ({"band": "X"}, 2, {"band": 3}),
    ({"band": "X", "look_side": "right"}, 2, {"band": 3, "look side": 2}),
    ({"band": "X", "look_side": "left"}, 0, {"band": 2, "look side": 2}),
    ({"band": "C", "bbox": (0.2, 0.2, 0.4, 0.4)}, 1, {"band": 2}),
    ({"band": "X", "datetime": "2021"}, 1, {"band": 3, "time": 2}),
    ({"datetime": "2020"}, 0, {"time": 2}),
    ({"incidence_deg": (30.0, 50.0)}, 4, {"incidence angle": 2}),
    ({"polarization": "VV", "max_spacing_m": 2.0}, 0, {"polarization": 1, "spacing": 1}),
    ({"bbox": (0.2, 0.2, 0.4, 0.4)}, 4, {}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("products")
    for one in PRODUCTS:
        one.write(root)
    return root


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[StacServer]:
    items = [
        {**item.to_dict(include_self_link=False, transform_hrefs=False), "collection": "all"}
        for item in search_archive(folder)
    ]
    with serving(items) as server:
        yield server


def check(source: str | Path, asked: dict[str, Any], number: int, silent: dict[str, int]) -> None:
    remarks: list[str] = []
    assert len(search_archive(source, **asked, remark=remarks.append)) == number
    assert len(remarks) == bool(silent)
    for name, count in silent.items():
        assert f"{name} ({count})" in remarks[0]
    if silent:
        assert remarks[0].count("(") == len(silent)


@pytest.mark.parametrize(("asked", "number", "silent"), CASES)
def test_what_is_not_stated_is_counted(
    folder: Path, asked: dict[str, Any], number: int, silent: dict[str, int]
) -> None:
    check(folder, asked, number, silent)


@pytest.mark.parametrize(("asked", "number", "silent"), CASES[1:5])
def test_and_in_the_answers_of_an_api(
    server: StacServer, asked: dict[str, Any], number: int, silent: dict[str, int]
) -> None:
    if "bbox" not in asked:  # which the server filters itself
        check(server.url, asked, number, silent)


def test_the_command_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = tmp_path / "catalogue.parquet"
    index_archive(folder, catalogue)
    assert run("archive", "search", catalogue, "--band", "X", "--look-side", "left") == 0
    said = capsys.readouterr().err
    assert "0 found" in said and "not stated: 2, for want of band (2), look side (2)" in said
    assert "the first: c-no-band-no-side" in said
