"""`sarloom archive` as a user has it: big folders, kills, searches, a STAC API, and tiles of it."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pystac
import pytest

from archive_files import Product, array_bytes, random_products, toml_of, write_tiff
from sarloom import FormatError, InputError, index_archive, search_archive
from sarloom.archive.catalogue import beside
from sarloom.archive.selection import Selection, open_items, product_paths
from sarloom.archive.table import read_table, table_items, write_items
from sarloom.cli.main import run
from stac_server import StacServer, serving

PRODUCTS = random_products(150, seed=11)
MANY = {"npy": 900, "tif": 900, "cut": 100}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    for product in PRODUCTS:
        product.write(folder)
    return folder


@pytest.fixture(scope="module")
def catalogue(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return index_archive(folder, tmp_path_factory.mktemp("out") / "catalogue.parquet").catalogue


def spans(west: float, east: float) -> list[tuple[float, float]]:
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def expected(asked: dict[str, Any]) -> set[str]:
    """Identifiers of the products that fit, out of what was drawn for them."""

    def fits(one: Product) -> bool:
        if "bbox" in asked:
            if one.box is None:
                return False
            west, south, east, north = asked["bbox"]
            apart = one.box[3] < south or one.box[1] > north
            sides = ((a, b) for a in spans(one.box[0], one.box[2]) for b in spans(west, east))
            if apart or not any(a[0] <= b[1] and b[0] <= a[1] for a, b in sides):
                return False
        if "datetime" in asked:
            first, last = asked["datetime"].split("/")
            if one.time is None:
                return False
            time = moment(one.time[:-1])
            if first != ".." and time < moment(first):
                return False
            if last != ".." and time.date() > moment(last).date():
                return False
        spacing, angle = one.spacing_m, one.incidence_deg
        if spacing is None and one.box is not None:
            spacing = 1e6  # measured between four pixels that are degrees apart
        low, high = asked.get("incidence_deg", (0, 90))
        return (
            asked.get("band", one.band) == one.band
            and asked.get("polarization", one.polarization) == one.polarization
            and asked.get("look_side", one.look_side) == one.look_side
            and ("incidence_deg" not in asked or (angle is not None and low <= angle <= high))
            and ("max_spacing_m" not in asked
                 or (spacing is not None and spacing <= asked["max_spacing_m"]))
        )  # fmt: skip

    return {one.identifier for one in PRODUCTS if fits(one)}


def draw(rng: random.Random, names: list[str]) -> dict[str, Any]:
    """Values for some filters."""
    west, south, year = rng.uniform(-180, 180), rng.uniform(-80, 60), rng.randint(2019, 2022)
    east = west + rng.uniform(10, 200)
    low = rng.uniform(20, 50)
    days = [f"{year}-0{rng.randint(1, 9)}-11", f"{year + 1}-0{rng.randint(1, 9)}-21"]
    everything: dict[str, Any] = {
        "bbox": (west, south, east - 360 if east > 180 else east, south + rng.uniform(5, 30)),
        "datetime": "/".join(rng.choice([days, [days[0], ".."], ["..", days[1]]])),
        "band": rng.choice("XCL"),
        "polarization": rng.choice(["HH", "HV", "VV", "VH"]),
        "max_spacing_m": rng.choice([0.5, 1.0, 5.0]),
        "incidence_deg": (low, low + rng.uniform(1, 20)),
        "look_side": rng.choice(["left", "right"]),
    }
    return {name: everything[name] for name in names}


RADAR = ("band", "polarization", "max_spacing_m", "incidence_deg", "look_side")
FILTERS = ("bbox", "datetime", *RADAR)


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_finds_what_brute_force_finds(catalogue: Path, name: str) -> None:
    rng = random.Random(name)
    sizes = set()
    for _ in range(8):
        asked = draw(rng, [name])
        found = [item.id for item in search_archive(catalogue, **asked)]
        assert set(found) == expected(asked), asked
        assert found == sorted(found)
        sizes.add(len(found))
    assert 0 < max(sizes) < len(PRODUCTS)


def test_filters_together_find_what_brute_force_finds(catalogue: Path) -> None:
    rng = random.Random(5)
    hits = 0
    for _ in range(30):
        asked = draw(rng, rng.sample(FILTERS, rng.randint(2, 4)))
        found = {item.id for item in search_archive(catalogue, **asked)}
        assert found == expected(asked), asked
        hits += len(found)
    assert hits > 50


def test_a_box_across_the_date_line_finds_both_sides(catalogue: Path) -> None:
    for asked in ((170.0, -70.0, -170.0, 70.0), (-175.0, -70.0, 175.0, 70.0)):
        found = {item.id for item in search_archive(catalogue, bbox=asked)}
        assert found == expected({"bbox": asked}) and found
    crossing = [one for one in PRODUCTS if one.box is not None and one.box[0] > one.box[2]]
    assert crossing
    for one in crossing:
        assert one.box is not None
        middle = (one.box[1] + one.box[3]) / 2
        for lon in (180.0, -180.0, (one.box[0] + 180) / 2, (one.box[2] - 180) / 2):
            near = search_archive(catalogue, bbox=(lon, middle, lon, middle))
            assert one.identifier in {item.id for item in near}


def test_a_box_that_only_the_bounds_of_a_footprint_reach_finds_nothing(tmp_path: Path) -> None:
    corners = [[1.0, 2.0], [2.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    (tmp_path / "diamond.npy").write_bytes(array_bytes())
    (tmp_path / "diamond.toml").write_text(toml_of({"corners": corners}))
    assert search_archive(tmp_path, bbox=(0.0, 0.0, 0.3, 0.3)) == []
    assert len(search_archive(tmp_path, bbox=(0.0, 0.0, 0.6, 0.6))) == 1


def test_a_time_may_be_a_year_a_month_a_day_or_a_moment(catalogue: Path) -> None:
    timed = [one for one in PRODUCTS if one.time is not None]
    one = timed[0].time
    assert one is not None
    for asked in (one[:4], one[:7], one[:10], one):
        found = {item.id for item in search_archive(catalogue, datetime=asked)}
        assert found == {
            other.identifier for other in timed if (other.time or "").startswith(asked)
        }
    away = f"{one[:11]}{int(one[11:13]):02d}:29:59Z"
    assert timed[0].identifier not in {i.id for i in search_archive(catalogue, datetime=away)}


def test_a_folder_is_searched_like_a_catalogue(folder: Path, catalogue: Path) -> None:
    asked: dict[str, Any] = {"band": "X", "incidence_deg": (25.0, 50.0)}
    warnings: list[str] = []
    found = search_archive(folder, **asked, warn=warnings.append)
    listed = search_archive(catalogue, **asked)
    assert [one.id for one in found] == [one.id for one in listed] and found and not warnings
    assert len(search_archive(folder, band="x", limit=2)) == 2
    scene = next(iter(open_items(found)))
    assert scene.identifier == found[0].id and scene.band == "X"


def test_a_broken_file_in_a_folder_is_named(tmp_path: Path) -> None:
    PRODUCTS[0].write(tmp_path)
    write_tiff(tmp_path / "cut.tif").write_bytes(b"II*\0" + bytes(9))
    warnings: list[str] = []
    assert len(search_archive(tmp_path, warn=warnings.append)) == 1
    assert len(warnings) == 1 and "cut.tif" in warnings[0]


@pytest.mark.parametrize(
    "asked",
    [
        {"bbox": (0.0, 10.0, 1.0, 5.0)},
        {"bbox": (190.0, 0.0, 200.0, 1.0)},
        {"bbox": (float("nan"), 0.0, 1.0, 1.0)},
        {"datetime": "yesterday"},
        {"datetime": "2021-13"},
        {"datetime": "../.."},
        {"datetime": "2022/2021"},
        {"datetime": "2021/2022/2023"},
        {"datetime": "0001-01-01T00:00:00+05:00"},
        {"incidence_deg": (50.0, 20.0)},
        {"incidence_deg": (20.0, 120.0)},
        {"look_side": "up"},
        {"max_spacing_m": -1.0},
    ],
)
def test_what_cannot_be_asked_is_refused(catalogue: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(asked)).replace("_", "-")):
        search_archive(catalogue, **asked)


def test_what_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not there"):
        search_archive(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="no readable radar product"):
        search_archive(tmp_path)
    text = tmp_path / "text.parquet"
    text.write_text("PAR1 no more PAR1")
    with pytest.raises(FormatError, match=r"text\.parquet.*sarloom archive index"):
        search_archive(text)


def test_commands_print_lines_json_and_a_new_catalogue(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, found = tmp_path / "all.parquet", tmp_path / "found.parquet"
    assert run(["archive", "index", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}\n" and "150 channels of 150 products" in said.err
    words = ["archive", "search", str(out), "--bbox", "-170", "-70", "-10", "-1", "--band", "c"]
    names = expected({"bbox": (-170.0, -70.0, -10.0, -1.0), "band": "C"})
    assert names
    assert run([*words, "--out", str(found)]) == 0
    said = capsys.readouterr()
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert {row[0] for row in rows} == names and {row[2] for row in rows} == {"C"}
    assert all(Path(row[-1]).is_file() for row in rows)
    assert f"{len(names)} found" in said.err
    assert run([*words, "--json"]) == 0
    items = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {item["id"] for item in items} == names
    assert [pystac.Item.from_dict(item).id for item in items] == [row[0] for row in rows]
    assert {item.id for item in search_archive(found)} == names
    assert list(table_items(read_table(found))) == [
        item for item in table_items(read_table(out)) if item["id"] in names
    ]
    before = found.read_bytes()
    assert run([*words, "--look-side", "left", "--incidence-deg", "0", "1", "-o", str(found)]) == 2
    assert "nothing was found" in capsys.readouterr().err and found.read_bytes() == before


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten thousand small files in a hundred folders: products, sidecars, broken ones, others."""
    root = tmp_path_factory.mktemp("many")
    tiff = write_tiff(root / "one.tif").read_bytes()
    (root / "one.tif").unlink()
    array, toml = array_bytes(), toml_of({"band": "X", "corners": [[0, 1], [1, 1], [1, 0], [0, 0]]})
    contents = [
        *((f"a-{n:04d}.npy", array) for n in range(MANY["npy"])),
        *((f"a-{n:04d}.toml", toml.encode()) for n in range(MANY["npy"])),
        *((f"t-{n:04d}.tif", tiff) for n in range(MANY["tif"])),
        *((f"c-{n:04d}.tif", tiff[:60]) for n in range(MANY["cut"])),
    ]
    contents += [(f"n-{n:05d}.txt", b"note") for n in range(10_000 - len(contents))]
    for place in range(100):
        (root / f"{place % 10}" / f"{place:02d}").mkdir(parents=True, exist_ok=True)
    for name, content in contents:
        place = int(re.sub(r"\D", "", name)) % 100
        (root / f"{place % 10}" / f"{place:02d}" / name).write_bytes(content)
    return root


def test_ten_thousand_files_killed_half_way_are_gone_on_with(many: Path, tmp_path: Path) -> None:
    out = tmp_path / "catalogue.parquet"
    journal = beside(out, "journal")
    command = [sys.executable, "-m", "sarloom", "archive", "index", str(many), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while not journal.exists() or journal.read_bytes().count(b"\n") < 500:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not out.exists()
    kept = journal.read_bytes().count(b"\n")
    products = sum(MANY.values())
    assert 500 <= kept < products
    done = index_archive(many, out)
    assert done.read == products - kept
    assert (done.items, done.products) == (products - MANY["cut"], products)
    assert len(done.broken) == MANY["cut"]
    assert all(Path(path).name.startswith("c-") for path in done.broken)
    ids = parquet.read_table(out, columns=["id"])["id"].to_pylist()
    assert sorted(ids) == [
        *(f"a-{n:04d}" for n in range(MANY["npy"])),
        *(f"t-{n:04d}" for n in range(MANY["tif"])),
    ]
    again = index_archive(many, out)
    assert (again.read, again.items, again.broken) == (0, done.items, done.broken)
    assert len(search_archive(out, band="X", bbox=(0.5, 0.5, 3.0, 3.0))) == MANY["npy"]


@pytest.fixture(scope="module")
def remote_items(catalogue: Path) -> list[dict[str, Any]]:
    """The catalogue's items as a provider of data would have them."""
    items = []
    for number, item in enumerate(table_items(read_table(catalogue))):
        kept = {k: v for k, v in item["properties"].items() if not k.startswith("sarloom:")}
        if item["properties"].get("sarloom:time_unknown"):
            kept |= {"datetime": "1850-01-01T00:00:00Z"}
            kept.pop("start_datetime"), kept.pop("end_datetime")
        href = f"https://data.example/{item['id']}.tif"
        items.append(
            {
                **item,
                "properties": kept,
                "collection": "even" if number % 2 == 0 else "odd",
                "assets": {
                    "thumbnail": {"href": "https://data.example/small.png"},
                    "GEC": {"href": href, "roles": ["data"]},
                },
            }
        )
    return items


@pytest.fixture(scope="module")
def server(remote_items: list[dict[str, Any]]) -> Iterator[StacServer]:
    with serving(remote_items) as server:
        yield server


def test_a_stac_api_is_searched_like_a_catalogue(server: StacServer) -> None:
    rng = random.Random(2)
    for names in (*([name] for name in FILTERS), list(FILTERS[:3]), list(FILTERS[3:6])):
        asked = draw(rng, names)
        if asked.get("datetime", "").startswith(".."):
            asked["datetime"] = asked["datetime"].replace("..", "1900-01-01", 1)
        found = {item.id for item in search_archive(server.url, **asked)}
        assert found == expected(asked), asked
    assert len(search_archive(server.url, limit=9)) == 9
    assert len(search_archive(server.url)) == len(PRODUCTS)


def test_place_time_and_collection_are_asked_of_the_server(server: StacServer) -> None:
    server.asked.clear()
    found = search_archive(
        server.url, bbox=(170.0, -60.0, -150.0, 60.0), datetime="2019/2022-03", collection=["even"]
    )
    names = expected({"bbox": (170.0, -60.0, -150.0, 60.0), "datetime": "2019-01-01/2022-03-31"})
    even = {one.identifier for one in PRODUCTS[::2]}
    assert {item.id for item in found} == names & even
    (_, asked), *_ = server.asked
    assert asked["datetime"] == "2019-01-01T00:00:00Z/2022-03-31T23:59:59.999999Z"
    assert asked["collections"] in ("even", ["even"])
    # the server has dropped all that lies elsewhere: no more pages than what is left needs
    assert len(server.asked) == -(-len(names & even) // 7)


@pytest.mark.parametrize("methods", [("GET",), ("POST",), ("GET", "POST")])
def test_all_pages_are_read_whichever_method_a_server_knows(
    remote_items: list[dict[str, Any]], methods: tuple[str, ...]
) -> None:
    with serving(remote_items, methods=methods, page=40) as server:
        ticks: list[tuple[int, int]] = []
        found = search_archive(server.url, tick=lambda done, all_, _: ticks.append((done, all_)))
        assert {item.id for item in found} == {one.identifier for one in PRODUCTS}
        assert {method for method, _ in server.asked} <= set(methods) and len(server.asked) == 4
        assert ticks == [(40, 150), (80, 150), (120, 150), (150, 150)]


@pytest.mark.parametrize(
    ("misbehave", "error", "said"),
    [
        ("html", FormatError, "not a STAC API"),
        ("no search", FormatError, "cannot be searched"),
        ("broken", InputError, "database is away"),
        ("endless", FormatError, "twice"),
    ],
)
def test_a_server_that_misbehaves_is_one_error(
    remote_items: list[dict[str, Any]], misbehave: str, error: type[Exception], said: str
) -> None:
    with serving(remote_items, misbehave=misbehave) as server:
        with pytest.raises(error, match=said) as raised:
            search_archive(server.url)
        assert server.url in str(raised.value)


def test_an_address_where_nothing_answers_is_one_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving([]) as server:
        url = server.url
    assert run(["archive", "search", url]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "does not answer" in said.err and not said.out


def test_the_command_prints_where_remote_data_lies_and_keeps_it_in_a_catalogue(
    server: StacServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.parquet"
    words = ["archive", "search", server.url, "--band", "X", "--look-side", "left"]
    assert run([*words, "--out", str(out)]) == 0
    names = expected({"band": "X", "look_side": "left"})
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert {row[-1] for row in rows} == {f"https://data.example/{name}.tif" for name in names}
    found = search_archive(out)
    assert {item.id for item in found} == names
    with pytest.raises(InputError, match=r"data\.example.*not on this machine"):
        list(open_items(found))
    assert run(["tiles", "build", "--sar", str(out), "--out", str(tmp_path / "tiles")]) == 2
    assert "not on this machine" in capsys.readouterr().err
    assert not (tmp_path / "tiles").exists()


@pytest.fixture(scope="module")
def two_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two products with two channels each, large enough for tiles, and their catalogue."""
    root = tmp_path_factory.mktemp("scenes")
    for name, band in (("one", "X"), ("two", "C")):
        write_tiff(root / f"{name}.tif", channels=("VV", "VH"), side=96)
        stated = {"band": band, "quantity": "amplitude", "range_direction": "right", "looks": 1.0}
        (root / f"{name}.toml").write_text(toml_of(stated))
    os.utime(root / "one.tif")
    index_archive(root, root / "catalogue.parquet")
    return root


def build(sources: list[Path], out: Path, workers: int = 1) -> list[tuple[str, str]]:
    words = [word for one in sources for word in ("--sar", str(one))]
    small = ["--spacing-m", "10", "--size", "32", "--workers", str(workers)]
    assert run(["tiles", "build", *words, *small, "--out", str(out)]) == 0
    tables = [parquet.read_table(path) for path in sorted(out.glob("data/*.parquet"))]
    columns = ["acquisition", "polarization"]
    rows = [row for table in tables for row in table.select(columns).to_pylist()]
    return sorted({(row["acquisition"].split("-")[0], row["polarization"]) for row in rows})


def test_tiles_are_built_from_a_catalogue_and_from_what_a_search_found(
    two_scenes: Path, tmp_path: Path
) -> None:
    catalogue, found = two_scenes / "catalogue.parquet", tmp_path / "found.parquet"
    whole = [("one", "VH"), ("one", "VV"), ("two", "VH"), ("two", "VV")]
    assert build([catalogue], tmp_path / "all") == whole
    words = ["archive", "search", str(catalogue), "--polarization", "VH", "--band", "C"]
    assert run([*words, "--out", str(found)]) == 0
    # one channel of one product, not all that is in its file
    assert build([found], tmp_path / "some", workers=2) == [("two", "VH")]
    assert build([found, two_scenes / "one.tif"], tmp_path / "more") == [*whole[:2], ("two", "VH")]


def test_a_selection_opens_what_its_catalogues_list(two_scenes: Path, tmp_path: Path) -> None:
    items = list(table_items(read_table(two_scenes / "catalogue.parquet")))
    paths = product_paths(two_scenes / "catalogue.parquet")
    assert [path.name for path in paths] == ["one.tif", "two.tif"]
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    write_items(items[:1], first)
    write_items(items[1:2], second)

    def channels(*catalogues: Path) -> list[str | None]:
        return [scene.polarization for scene in Selection.of(catalogues)(paths[0])]

    assert (channels(first), channels(second)) == (["VV"], ["VH"])
    assert channels(first, second) == ["VV", "VH"] == channels()
    chosen = Selection.of([first])
    write_items(items[2:3], first)
    # read already in this process; another that starts now must not cut other channels
    command = (
        "import sys; from pathlib import Path; from sarloom.archive.selection import Selection; "
        "Selection(((Path(sys.argv[1]), sys.argv[2]),))(Path(sys.argv[3]))"
    )
    (catalogue, digest), = chosen.catalogues  # fmt: skip
    words = [sys.executable, "-c", command, str(catalogue), digest, str(paths[0])]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "changed while it was in use" in done.stderr


def test_a_product_that_changed_since_it_was_listed_is_named(tmp_path: Path) -> None:
    write_tiff(tmp_path / "one.tif", channels=("VV", "VH"))
    index_archive(tmp_path, tmp_path / "catalogue.parquet")
    found = search_archive(tmp_path / "catalogue.parquet", polarization="VH")
    write_tiff(tmp_path / "one.tif", channels=("VV",))
    with pytest.raises(InputError, match=r"no longer holds .*archive index"):
        list(open_items(found))
    (tmp_path / "one.tif").unlink()
    with pytest.raises(InputError, match=r"one\.tif: not there"):
        list(open_items(found))
