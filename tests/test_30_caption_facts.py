"""Captions from maps: what is in a tile, how much of it, and where in the picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio.transform import from_origin

from sarloom.captions.clean import faults
from sarloom.captions.facts.cover import WORLD_COVER, open_cover, read_table
from sarloom.captions.facts.measure import TileFacts
from sarloom.captions.facts.place import TilePlace, direction, side_of, where
from sarloom.captions.facts.tags import KINDS, RULES, kind_of
from sarloom.captions.facts.words import sentences
from sarloom.captions.facts.writer import open_facts
from sarloom.errors import FormatError, InputError
from tile_sets import EAST, NORTH, UTM

SIDE = 100
"""Metres and pixels of a tile."""


def tile(turned: bool = False) -> TilePlace:
    """100 x 100 m at 1 m; turned by a half turn, so that south is up and east is left."""
    if turned:
        transform = (-1.0, 0.0, EAST + SIDE, 0.0, 1.0, NORTH - SIDE)
    else:
        transform = (1.0, 0.0, EAST, 0.0, -1.0, NORTH)
    return TilePlace(transform, f"EPSG:{UTM}", SIDE, SIDE, 1.0)


def on_ground(geometry: Any) -> Any:
    """From metres right and down of the tile's north-west corner to longitude and latitude."""
    to_world = Transformer.from_crs(UTM, 4326, always_xy=True)
    return shapely.transform(
        geometry,
        lambda p: np.column_stack(to_world.transform(p[:, 0] + EAST, NORTH - p[:, 1])),
    )


FEATURES = [
    (shapely.box(-20, -20, 120, 60), {"landuse": "farmland"}),
    (shapely.box(-20, 60, 120, 120), {"natural": "wood"}),
    (shapely.box(5, 5, 25, 25), {"natural": "water", "water": "pond"}),
    (shapely.LineString([(-10, 40), (50, 42)]), {"highway": "primary"}),
    (shapely.LineString([(50, 42), (110, 44)]), {"highway": "primary"}),
    *[(shapely.box(70 + 8 * i, 5, 75 + 8 * i, 10), {"building": "yes"}) for i in range(3)],
    (shapely.box(98, 5, 108, 15), {"building": "yes"}),  # more than half of it outside
    (shapely.box(50, 50, 51, 51), {"building": "yes"}),  # a pixel
    (shapely.LineString([(0, 80), (100, 81)]), {"highway": "path", "width": "0.5"}),
    (shapely.Point(20, 90), {"man_made": "storage_tank"}),
    (shapely.Point(30, 30), {"shop": "bakery"}),
    (shapely.Point(500, 30), {"man_made": "chimney"}),
]


def geojson(path: Path) -> Path:
    found = [
        {"type": "Feature", "properties": tags,
         "geometry": json.loads(shapely.to_geojson(on_ground(shape)))}
        for shape, tags in FEATURES
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": found}))
    return path


def to_mercator(points: np.ndarray) -> np.ndarray:
    to_map = Transformer.from_crs(4326, 3857, always_xy=True)
    return np.column_stack(to_map.transform(*points.T))


def geopackage(path: Path) -> Path:
    """Two layers in a projected system, one with GDAL's other_tags."""
    for kind in ("Polygon", "LineString", "Point"):
        chosen = [(shape, tags) for shape, tags in FEATURES if shape.geom_type == kind]
        shapes = np.array([on_ground(shape) for shape, _ in chosen], dtype=object)
        moved = shapely.transform(shapes, to_mercator)
        hstore = [",".join(f'"{k}"=>"{v}"' for k, v in tags.items()) for _, tags in chosen]
        pyogrio.raw.write(
            path, shapely.to_wkb(moved), [np.array(hstore, dtype=object)], ["other_tags"],
            layer=kind.lower(), driver="GPKG", geometry_type=kind, crs="EPSG:3857",
            append=path.exists(),
        )  # fmt: skip
    return path


def class_raster(path: Path, codes: np.ndarray, dtype: str = "uint8") -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", width=codes.shape[1], height=codes.shape[0], count=1,
        dtype=dtype, crs=f"EPSG:{UTM}", transform=from_origin(EAST, NORTH, 10, 10),
    ) as raster:  # fmt: skip
        raster.write(codes.astype(dtype), 1)
    return path


def facts_of(path: Path, place: TilePlace) -> TileFacts:
    return open_facts([path], [], None, [place]).facts(place)


def by_kind(facts: TileFacts) -> dict[str, Any]:
    return {one.kind: one for one in facts.found}


# -- measuring ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [geojson, geopackage])
def test_counts_shares_and_places(make: Any, tmp_path: Path) -> None:
    suffix = "geojson" if make is geojson else "gpkg"
    found = by_kind(facts_of(make(tmp_path / f"map.{suffix}"), tile()))
    assert set(found) == {"farmland", "forest", "pond", "road", "building", "tank", "path"}
    assert found["farmland"].share == pytest.approx(0.6, abs=0.01)
    assert found["forest"].share == pytest.approx(0.4, abs=0.01)
    assert found["forest"].where == "bottom"
    assert (found["pond"].count, found["pond"].where) == (1, "upper left")
    assert found["pond"].share == pytest.approx(0.04, abs=0.005)
    assert (found["building"].count, found["building"].where) == (3, "upper right")
    assert (found["road"].count, found["road"].direction) == (1, "from left to right")
    assert (found["tank"].count, found["tank"].where) == (1, "lower left")


def test_places_are_those_of_the_turned_picture(tmp_path: Path) -> None:
    facts = facts_of(geojson(tmp_path / "map.geojson"), tile(turned=True))
    found = by_kind(facts)
    assert found["forest"].where == "top"
    assert found["pond"].where == "lower right"
    assert found["building"].where == "lower left"
    assert ("building", "left of", "pond") in facts.relations
    assert ("pond", "right of", "building") in facts.relations


def test_what_is_smaller_than_pixels_is_not_said(tmp_path: Path) -> None:
    coarse = TilePlace((1.0, 0, EAST, 0, -1.0, NORTH), f"EPSG:{UTM}", SIDE, SIDE, 15.0)
    found = by_kind(facts_of(geojson(tmp_path / "map.geojson"), coarse))
    assert "road" not in found and "tank" not in found and "farmland" in found


def test_class_raster(tmp_path: Path) -> None:
    codes = np.full((10, 10), 40)
    codes[:, :3] = 80
    path = class_raster(tmp_path / "cover.tif", codes)
    found = by_kind(open_facts([], [path], None, [tile()]).facts(tile()))
    assert found["farmland"].share == pytest.approx(0.7, abs=0.02)
    assert (found["water"].where, found["water"].count) == ("left", 0)
    turned = by_kind(open_facts([], [path], None, [tile(True)]).facts(tile(True)))
    assert turned["water"].where == "right"
    table = tmp_path / "classes.csv"
    table.write_text("code,name\n40,Rice paddies\n80,farmland\n")
    own = open_facts([], [path], table, [tile()])
    assert set(by_kind(own.facts(tile()))) == {"rice paddies", "farmland"}
    texts = own.describe([("a", tile())], 4)[0]
    assert any("rice paddies" in text for text in texts)


def test_a_vector_is_believed_before_a_raster(tmp_path: Path) -> None:
    cover = class_raster(tmp_path / "cover.tif", np.full((10, 10), 40))
    both = open_facts([geojson(tmp_path / "map.geojson")], [cover], None, [tile()]).facts(tile())
    assert by_kind(both)["farmland"].share == pytest.approx(0.6, abs=0.01)


# -- words ----------------------------------------------------------------------------------------


def test_captions_are_true_different_and_english(tmp_path: Path) -> None:
    writer = open_facts([geojson(tmp_path / "map.geojson")], [], None, [tile()])
    texts = writer.describe([("tile", tile())], 8)[0]
    assert len(set(texts)) == 8
    assert writer.describe([("other", tile()), ("tile", tile())], 8)[1] == texts
    assert writer.describe([("tile", tile())], 8, seed=1)[0] != texts
    for text in texts:
        assert faults(text) == [], text
        assert len(text.split()) <= 45
        assert "north" not in text and "people" not in text
    said = " ".join(texts)
    assert "three buildings" in said and "storage tank" in said
    far = TilePlace((1.0, 0, EAST + 9e4, 0, -1.0, NORTH), f"EPSG:{UTM}", SIDE, SIDE, 1.0)
    assert writer.describe([("far", far)], 3) == [[]]


def test_counts_above_twelve_are_many() -> None:
    from sarloom.captions.facts.measure import Found

    points = np.random.default_rng(0).uniform(0, 1, (30, 2))
    facts = TileFacts((Found("building", 30, 0.0, "throughout", "", points),), ())
    assert sentences(facts, 1, "seed") == ["many buildings"]
    assert sentences(TileFacts((), ()), 3, "seed") == []


def test_where_and_side() -> None:
    rng = np.random.default_rng(1)
    left = rng.uniform((0.0, 0.4), (0.2, 0.6), (50, 2))
    right = np.add(left, (0.7, 0.0))
    assert (where(left), where(right), where(np.add(left, (0.4, 0)))) == ("left", "right", "centre")
    assert where(rng.uniform(0, 1, (200, 2))) == "throughout"
    assert side_of(left, right) == "left of" and side_of(right, left) == "right of"
    assert side_of(left, np.add(left, (0, 0.35))) == "above"
    assert side_of(left, left) == ""
    along = np.linspace(0, 1, 50)
    assert direction(np.column_stack((along, along))) == "from upper left to lower right"
    assert direction(np.column_stack((along, 1 - along))) == "from lower left to upper right"


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"highway": "motorway_link"}, "motorway"),
        ({"building": "no", "landuse": "forest"}, "forest"),
        ({"building": "warehouse"}, "hall"),
        ({"highway": "primary", "bridge": "yes"}, "bridge"),
        ({"other_tags": '"power"=>"tower","ref"=>"12"'}, "pylon"),
        ({"fclass": "track_grade3"}, "track"),
        ({"natural": "water", "water": "river"}, "river"),
        ({"class": "lake"}, "water"),
        ({"type": "farmland"}, "farmland"),
        ({"shop": "bakery"}, None),
        ({"highway": None, "building": float("nan")}, None),
        ({}, None),
    ],
)
def test_tags(tags: dict[str, Any], kind: str | None) -> None:
    assert kind_of(tags) == kind


def test_tables_hang_together() -> None:
    assert {kind for _, _, kind in RULES} <= KINDS.keys()
    assert set(WORLD_COVER.values()) <= KINDS.keys()
    for feature in KINDS.values():
        assert faults(feature.singular) == [] and faults(feature.plural) == []


# -- bad input ------------------------------------------------------------------------------------


def test_maps_that_cannot_be_used(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"SQLite format 3\0" + bytes(50))
    unknown = tmp_path / "unknown.geojson"
    unknown.write_text(
        json.dumps({"type": "FeatureCollection", "features": [
            {"type": "Feature", "properties": {"shop": "bakery"},
             "geometry": json.loads(shapely.to_geojson(on_ground(shapely.Point(5, 5))))}]})
    )  # fmt: skip
    with pytest.raises(FormatError, match=r"broken\.gpkg"):
        open_facts([broken], [], None, [tile()])
    with pytest.raises(InputError, match="known kind"):
        open_facts([unknown], [], None, [tile()])
    with pytest.raises(InputError, match="no such file"):
        open_facts([tmp_path / "nothing.gpkg"], [], None, [tile()])
    floats = class_raster(tmp_path / "float.tif", np.full((4, 4), 40.0), "float32")
    with pytest.raises(FormatError, match="whole numbers"):
        open_cover([floats])
    strange = class_raster(tmp_path / "strange.tif", np.full((4, 4), 7))
    with pytest.raises(FormatError, match="--classes"):
        open_cover([strange])
    with pytest.raises(FormatError, match="raster"):
        open_cover([unknown])
    table = tmp_path / "table.csv"
    for text in ("40;forest\n", "forest\n\n", "40,\n", ""):
        table.write_text(text)
        with pytest.raises(FormatError):
            read_table(table)
