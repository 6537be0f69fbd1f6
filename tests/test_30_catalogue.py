"""Items of scenes, and the catalogue of a folder: what stands in it and when products are read."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import geopandas
import pyarrow.parquet as parquet
import pystac
import pytest
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.sar import FrequencyBand, ObservationDirection, SarExtension
from pystac.extensions.view import ViewExtension
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from shapely.geometry import MultiPolygon, box, shape

from archive_files import Product, random_products, toml_of, write_tiff
from sarloom import FormatError, InputError, index_archive
from sarloom.archive.catalogue import FINGERPRINT, SOURCE, IndexResult, beside
from sarloom.archive.registry import open_scenes
from sarloom.archive.stac import item_of, outline
from sarloom.archive.table import read_table, table_items
from sarloom.records import Scene

WHOLE = Product(
    "whole", (2.0, 48.0, 2.2, 48.1), "2022-05-01T10:00:00Z", "X", "VV", 0.5, 40.0, "left"
)

CORE = JsonSchemaSTACValidator()

FIELDS = {
    "sar": {
        "instrument_mode", "frequency_band", "center_frequency", "polarizations", "product_type",
        "resolution_range", "resolution_azimuth", "pixel_spacing_range", "pixel_spacing_azimuth",
        "looks_range", "looks_azimuth", "looks_equivalent_number", "observation_direction",
    },
    "view": {"off_nadir", "incidence_angle", "azimuth", "sun_azimuth", "sun_elevation"},
    "proj": {"code", "wkt2", "projjson", "geometry", "bbox", "centroid", "shape", "transform"},
    "processing": {"expression", "lineage", "level", "facility", "version", "software"},
}  # fmt: skip
"""Fields of the extensions in the versions that are declared; their schemas allow no others."""


def items_in(catalogue: Path) -> list[dict[str, Any]]:
    return list(table_items(read_table(catalogue)))


def check_item(item: dict[str, Any]) -> None:
    """Core schema, which pystac brings along, and the rules of the extensions, whose schemas it
    would have to download."""
    CORE.validate_core(item, pystac.STACObjectType.ITEM, "1.1.0")
    json.dumps(item, allow_nan=False)
    declared = {url.split("/")[-3].replace("projection", "proj") for url in item["stac_extensions"]}
    has = item["properties"]
    for name, allowed in FIELDS.items():
        used = {key.partition(":")[2] for key in has if key.startswith(f"{name}:")}
        assert used <= allowed
        assert not used or name in declared or name == "sar", name
        assert used or name not in declared
    if "sar" in declared:
        required = ("instrument_mode", "frequency_band", "polarizations", "product_type")
        assert all(has[f"sar:{name}"] for name in required)
    assert set(has.get("sar:polarizations", ())) <= {"HH", "HV", "VH", "VV"}
    for name in ("sar:looks_range", "sar:looks_azimuth"):
        assert isinstance(has.get(name, 1), int)
    assert 0 <= has.get("view:incidence_angle", 0) <= 90
    assert 0 <= has.get("view:azimuth", 0) <= 360
    assert all(isinstance(length, int) for length in has["proj:shape"])
    assert len(has.get("proj:transform", range(6))) == 6


@pytest.fixture
def whole(tmp_path: Path) -> Scene:
    return open_scenes(WHOLE.write(tmp_path))[0]


def test_an_item_says_what_the_scene_says(whole: Scene) -> None:
    scene = replace(
        whole,
        instrument_mode="SPOTLIGHT",
        center_frequency_hz=9.6e9,
        looks=4.0,
        row_spacing_m=0.5,
        column_spacing_m=0.25,
        row_resolution_m=0.7,
        column_resolution_m=0.3,
        range_azimuth_deg=-80.0,
    )
    check_item(item_of(scene))
    item = pystac.Item.from_dict(item_of(scene))
    assert item.datetime == datetime(2022, 5, 1, 10, tzinfo=UTC)
    sar, view = SarExtension.ext(item), ViewExtension.ext(item)
    assert sar.frequency_band is FrequencyBand.X and sar.center_frequency == 9.6
    assert [one.value for one in sar.polarizations] == ["VV"]
    assert sar.instrument_mode == "SPOTLIGHT" and sar.product_type == "GRD"
    # range grows along columns
    assert (sar.pixel_spacing_range, sar.pixel_spacing_azimuth) == (0.25, 0.5)
    assert (sar.resolution_range, sar.resolution_azimuth) == (0.3, 0.7)
    assert sar.observation_direction is ObservationDirection.LEFT
    assert sar.looks_equivalent_number == 4.0
    assert (view.incidence_angle, view.azimuth) == (40.0, 280.0)
    assert ProjectionExtension.ext(item).shape == [4, 4]
    assert item.properties["processing:level"] == "L1"
    assert item.bbox == pytest.approx([2.0, 48.0, 2.2, 48.1], abs=1e-6)
    turned = item_of(replace(scene, range_axis="-row"))["properties"]
    assert turned["sar:pixel_spacing_range"] == 0.5 and turned["sar:resolution_azimuth"] == 0.3


def test_what_a_product_does_not_state_is_not_in_its_item(tmp_path: Path) -> None:
    scene = open_scenes(write_tiff(tmp_path / "plain.tif", crs=None))[0]
    item = item_of(scene)
    check_item(item)
    assert item["geometry"] is None and "bbox" not in item
    has = item["properties"]
    assert has["datetime"] is None and has["sarloom:time_unknown"]
    assert not [name for name in has if name.startswith(("sar:", "view:", "processing:"))]
    assert pystac.Item.from_dict(item).datetime is None


def test_numbers_that_are_none_and_values_stac_does_not_know_are_left_out(whole: Scene) -> None:
    scene = replace(
        whole, incidence_angle_deg=float("nan"), band="W", polarization="RH",
        extra={"looks_range": 2.5, "looks_azimuth": 3},
    )  # fmt: skip
    item = item_of(scene)
    check_item(item)
    has = item["properties"]
    assert not {"view:incidence_angle", "sar:frequency_band", "sar:polarizations"} & set(has)
    assert has["sar:looks_azimuth"] == 3 and "sar:looks_range" not in has


def test_a_coordinate_system_without_a_code_is_written_as_wkt_of_2019(tmp_path: Path) -> None:
    crs = "+proj=laea +lat_0=10 +lon_0=20 +datum=WGS84 +units=m"
    scene = open_scenes(write_tiff(tmp_path / "laea.tif", crs=crs))[0]
    item = item_of(scene)
    check_item(item)
    assert item["properties"]["proj:wkt2"].startswith("PROJCRS[")
    transform = [10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0]
    assert item["properties"]["proj:transform"] == transform


CORNERS = ((0.0, 1.0), (2.0, 1.0), (2.0, 0.0), (0.0, 0.0))


@pytest.mark.parametrize("shift", [0.0, 100.0, -178.5, 178.5, 179.9, 359.0, -361.0])
def test_footprints_anywhere_become_valid_geometry(shift: float) -> None:
    wrapped = tuple(((lon + shift + 180) % 360 - 180, lat) for lon, lat in CORNERS)
    for corners in (wrapped, tuple((lon + shift, lat) for lon, lat in CORNERS)):
        found = outline(corners)
        assert found is not None
        geometry, bbox = found
        place = shape(geometry)
        assert place.is_valid and place.area == pytest.approx(2.0)
        west, east = bbox[0], bbox[2]
        assert -180 <= west < 180 and -180 <= east <= 180
        assert west == pytest.approx((shift + 180) % 360 - 180)
        crosses = west > east
        assert crosses == isinstance(place, MultiPolygon)
        assert crosses == ((shift + 180) % 360 > 358)
        whole = box(-180, -90, 180, 90)
        assert whole.covers(place)


def test_a_footprint_around_a_pole_covers_it() -> None:
    for sign in (1, -1):
        around = ((0.0, 85.0), (90.0, 86.0), (180.0, 85.0), (-90.0, 84.0))
        found = outline(tuple((lon, lat * sign) for lon, lat in around))
        assert found is not None
        assert found[1] == ([-180.0, 84.0, 180.0, 90.0] if sign > 0 else [-180, -90, 180, -84])
        assert shape(found[0]).covers(shape({"type": "Point", "coordinates": [45, 89.9 * sign]}))


def test_a_footprint_without_area_or_with_nan_is_no_place() -> None:
    assert outline(((1.0, 2.0), (float("nan"), 2.0), (2.0, 3.0), (1.0, 3.0))) is None
    assert outline(((1.0, 2.0),) * 4) is None
    assert outline(((0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0))) is None
    crossed = outline(((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)))
    assert crossed is not None and shape(crossed[0]).equals(box(0, 0, 1, 1))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, IndexResult]:
    """Forty products, a TIFF with two channels, one without place, a copy, a broken one, others."""
    root = tmp_path_factory.mktemp("archive")
    folder = root / "data"
    (folder / "deep" / "deeper").mkdir(parents=True)
    for product in random_products(40, seed=3):
        product.write(folder)
    WHOLE.write(folder / "deep")
    WHOLE.write(folder / "deep" / "deeper")
    write_tiff(folder / "dual.tif", channels=("VV", "VH"))
    write_tiff(folder / "nowhere.tif", crs=None)
    (folder / "broken.tif").write_bytes((folder / "dual.tif").read_bytes()[:60])
    (folder / "notes.txt").write_text("no product")
    (folder / "picture.jpg").write_bytes(b"\xff\xd8\xff no picture either")
    return folder, index_archive(folder, root / "catalogue.parquet")


def test_every_product_is_listed_and_broken_ones_with_the_reason(
    mixed: tuple[Path, IndexResult],
) -> None:
    folder, done = mixed
    assert (done.items, done.products, done.read, done.gone) == (45, 45, 45, 0)
    items = items_in(done.catalogue)
    assert len({item["id"] for item in items}) == len(items) == 45
    for item in items:
        check_item(item)
        again = pystac.Item.from_dict(item)
        assert Path(again.assets["data"].href).is_relative_to(folder.resolve())
    assert [Path(path).name for path in done.broken] == ["broken.tif"]
    lines = beside(done.catalogue, "broken").read_text().splitlines()
    (listed,) = map(json.loads, lines)
    assert listed["path"] == str(folder.resolve() / "broken.tif")
    assert listed["error"] == done.broken[listed["path"]] and "broken.tif" in listed["error"]
    assert not beside(done.catalogue, "journal").exists()


def test_items_come_back_from_the_table_as_the_scenes_give_them(
    mixed: tuple[Path, IndexResult],
) -> None:
    items = items_in(mixed[1].catalogue)
    listed = {item["properties"]["sarloom:identifier"]: item for item in items}
    for path in (*sorted(mixed[0].glob("*.npy")), mixed[0] / "dual.tif", mixed[0] / "nowhere.tif"):
        for scene in open_scenes(path):
            expected, found = item_of(scene), listed[scene.identifier]
            has = dict(found["properties"])
            del has[SOURCE], has[FINGERPRINT]
            assert has == expected["properties"]
            for name in ("geometry", "assets", "stac_extensions", "links"):
                assert found[name] == expected[name], name
            assert found.get("bbox") == pytest.approx(expected.get("bbox"))


def test_other_libraries_open_the_catalogue(mixed: tuple[Path, IndexResult]) -> None:
    catalogue = mixed[1].catalogue
    frame = geopandas.read_parquet(catalogue)
    assert len(frame) == 45 and frame.crs.to_epsg() == 4326
    assert frame.geometry.is_valid.all()
    at = frame.set_index("id").loc["whole-VV"]
    assert at.geometry.bounds == pytest.approx((2.0, 48.0, 2.2, 48.1), abs=1e-6)
    assert at["view:incidence_angle"] == 40.0
    query = f"SELECT id FROM '{catalogue}' WHERE \"sar:frequency_band\" = 'X' ORDER BY id"
    by_duckdb = [row[0] for row in duckdb.sql(query).fetchall()]
    assert by_duckdb == sorted(frame.id[frame["sar:frequency_band"] == "X"]) and by_duckdb
    geo = json.loads(parquet.read_metadata(catalogue).metadata[b"geo"])
    assert geo["primary_column"] == "geometry" and geo["version"].startswith("1.")


def copy_of(mixed: tuple[Path, IndexResult], root: Path) -> tuple[Path, Path]:
    """The archive and its catalogue elsewhere, indexed there."""
    folder = root / "data"
    shutil.copytree(mixed[0], folder)
    index_archive(folder, root / "catalogue.parquet")
    return folder, root / "catalogue.parquet"


def test_only_what_is_new_or_changed_is_read_again(
    mixed: tuple[Path, IndexResult], tmp_path: Path
) -> None:
    folder, catalogue = copy_of(mixed, tmp_path)
    first = items_in(catalogue)
    again = index_archive(folder, catalogue)
    assert (again.read, again.items, list(again.broken)) == (0, 45, [str(folder / "broken.tif")])
    assert items_in(catalogue) == first

    replace(WHOLE, name="added", look_side="right").write(folder)
    (folder / "product-0003.npy").unlink()
    sidecar = folder / "deep" / "whole.toml"
    sidecar.write_text(sidecar.read_text().replace('"left"', '"right"'))
    os.utime(folder / "nowhere.tif", (1, 1))
    (folder / "broken.tif").unlink()
    write_tiff(folder / "broken.tif")
    changed = index_archive(folder, catalogue)
    assert (changed.read, changed.gone, changed.broken) == (4, 1, {})
    assert not beside(catalogue, "broken").exists()
    items = {item["properties"][SOURCE]: item for item in items_in(catalogue)}
    names = {Path(path).name for path in items}
    assert {"added.npy", "broken.tif"} <= names and "product-0003.npy" not in names
    for place, side in (("deep", "right"), ("deep/deeper", "left")):
        has = items[str(folder / place / "whole.npy")]["properties"]
        assert has["sar:observation_direction"] == side
    assert index_archive(folder, catalogue, fresh=True).read == 45


def test_the_description_of_a_folder_counts_as_a_part_of_its_products(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.npy").write_bytes(WHOLE.write(tmp_path).read_bytes())
    (folder / "sarloom.toml").write_text(toml_of({"band": "X"}))
    catalogue = tmp_path / "catalogue.parquet"
    index_archive(folder, catalogue)
    (folder / "sarloom.toml").write_text(toml_of({"band": "Ku"}))
    assert index_archive(folder, catalogue).read == 2
    assert [one["properties"]["sar:frequency_band"] for one in items_in(catalogue)] == ["Ku"] * 2


def test_ids_of_copies_stay_when_other_products_come(tmp_path: Path) -> None:
    for name in ("a", "c"):
        (tmp_path / name).mkdir()
        WHOLE.write(tmp_path / name)
    catalogue = tmp_path / "catalogue.parquet"
    index_archive(tmp_path, catalogue)
    before = {item["assets"]["data"]["href"]: item["id"] for item in items_in(catalogue)}
    (tmp_path / "b").mkdir()
    WHOLE.write(tmp_path / "b")
    replace(WHOLE, name="another").write(tmp_path / "a")
    index_archive(tmp_path, catalogue)
    after = {item["assets"]["data"]["href"]: item["id"] for item in items_in(catalogue)}
    assert len(set(after.values())) == 4 and before.items() <= after.items()


def test_a_journal_is_gone_on_with_and_a_cut_line_passed_over(
    mixed: tuple[Path, IndexResult], tmp_path: Path
) -> None:
    folder, catalogue = copy_of(mixed, tmp_path)
    entries: dict[str, dict[str, Any]] = {}
    for item in items_in(catalogue):
        path, state = item["properties"][SOURCE], item["properties"][FINGERPRINT]
        entries.setdefault(path, {"path": path, "state": state, "items": []})["items"].append(item)
    whole = items_in(catalogue)
    catalogue.unlink()
    beside(catalogue, "broken").unlink()
    lines = [json.dumps(entry) for entry in entries.values()][:20]
    journal = beside(catalogue, "journal")
    journal.write_text("\n".join([*lines, lines[0][:50]]))
    done = index_archive(folder, catalogue)
    assert done.read == 45 - 20 and not journal.exists()
    assert items_in(catalogue) == whole


def test_what_cannot_be_indexed_is_said_in_one_error(tmp_path: Path) -> None:
    out = tmp_path / "catalogue.parquet"
    with pytest.raises(InputError, match="no such folder"):
        index_archive(tmp_path / "missing", out)
    with pytest.raises(InputError, match="holds no readable radar product"):
        index_archive(tmp_path, out)
    (tmp_path / "cut.tif").write_bytes(b"II*\0" + bytes(20))
    with pytest.raises(InputError, match=r"listed in .*catalogue\.broken\.jsonl"):
        index_archive(tmp_path, out)
    assert not out.exists()
    with pytest.raises(InputError, match="cannot be written"):
        index_archive(tmp_path, tmp_path / "missing" / "catalogue.parquet")
    WHOLE.write(tmp_path)
    out.write_text("not a catalogue")
    for fresh in (False, True):
        with pytest.raises(FormatError, match="choose another --out"):
            index_archive(tmp_path, out, fresh=fresh)
        assert out.read_text() == "not a catalogue"


def test_a_catalogue_of_others_is_not_overwritten(whole: Scene, tmp_path: Path) -> None:
    from sarloom.archive.table import write_items

    out = tmp_path / "others.parquet"
    write_items([item_of(whole)], out)
    before = out.read_bytes()
    with pytest.raises(FormatError, match="not made here"):
        index_archive(tmp_path, out)
    assert out.read_bytes() == before


def test_real_products_have_the_values_of_their_own_metadata(
    shared_data: Path, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        index_archive(shared_data, tmp_path / "catalogue.parquet")
    items = items_in(tmp_path / "catalogue.parquet")
    for item in items:
        check_item(item)
    sentinel = next(one for one in items if one["id"].startswith("S1B_IW_GRDH"))["properties"]
    assert sentinel["datetime"] == "2021-12-23T05:11:22.594441Z"
    assert sentinel["platform"] == "sentinel-1b" and sentinel["sar:instrument_mode"] == "IW"
    assert sentinel["sar:center_frequency"] == pytest.approx(5.405, abs=1e-3)
    assert sentinel["sar:product_type"] == "GRD" and sentinel["sar:looks_range"] == 5
    assert sentinel["proj:shape"] == [16705, 26102]
    assert sentinel["view:azimuth"] == pytest.approx(280, abs=2)  # right-looking, descending
    sicd = next(one for one in items if one["assets"]["data"]["href"].endswith("sicd_120.nitf"))
    has = sicd["properties"]
    assert (has["sar:frequency_band"], has["sar:polarizations"]) == ("X", ["HH"])
    assert has["sar:product_type"] == "SLC" and has["sar:center_frequency"] == 9.65
    assert has["sar:pixel_spacing_range"] == pytest.approx(0.9094, abs=1e-4)
    umbra = next(one for one in items if one["id"] == "umbra_mount_yasur")
    assert umbra["properties"]["proj:code"] == "EPSG:32759"
