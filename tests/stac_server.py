"""A small STAC API on the loopback: landing page, collections, item search with pages.

It filters by place, time and collection itself, in its own words, as the specification says; what
it was asked is kept, so that a test can see it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]
GEOJSON = "application/geo+json"


class StacServer(ThreadingHTTPServer):
    """Serves items; ``misbehave`` picks what goes wrong."""

    daemon_threads = True

    def __init__(
        self, items: list[dict[str, Any]], methods: tuple[str, ...], page: int, misbehave: str
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.items = items
        self.methods = methods
        self.page = page
        self.misbehave = misbehave
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def landing(self) -> dict[str, Any]:
        searches = [
            {"rel": "search", "type": GEOJSON, "href": f"{self.url}/search", "method": method}
            for method in self.methods
        ]
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "loopback",
            "description": "radar products",
            "conformsTo": CONFORMS[:1] if self.misbehave == "no search" else CONFORMS,
            "links": [
                {"rel": "self", "href": f"{self.url}/", "type": "application/json"},
                {"rel": "root", "href": f"{self.url}/", "type": "application/json"},
                {"rel": "data", "href": f"{self.url}/collections", "type": "application/json"},
                *searches,
            ],
        }

    def search(self, method: str, asked: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((method, asked))
        found = [item for item in self.items if self._matches(item, asked)]
        size = min(int(asked.get("limit", 10)), self.page)
        start = int(asked.get("token", 0))
        links: list[dict[str, Any]] = []
        if start + size < len(found) or self.misbehave == "endless":
            token = 0 if self.misbehave == "endless" else start + size
            href = f"{self.url}/search"
            if method == "POST":
                links.append({"rel": "next", "href": href, "method": "POST",
                              "body": {**asked, "token": token}})  # fmt: skip
            else:
                query = urlencode({**asked, "token": token})
                links.append({"rel": "next", "href": f"{href}?{query}"})
        return {
            "type": "FeatureCollection",
            "numberMatched": len(found),
            "features": found[start : start + size],
            "links": links,
        }

    def _matches(self, item: dict[str, Any], asked: dict[str, Any]) -> bool:
        collections = _listed(asked.get("collections"))
        if collections and item.get("collection") not in collections:
            return False
        if asked.get("bbox"):
            if not item.get("bbox"):
                return False
            if not _overlap(item["bbox"], [float(one) for one in _listed(asked["bbox"])]):
                return False
        if asked.get("datetime"):
            first, _, last = asked["datetime"].partition("/")
            has = item["properties"]
            start = has.get("start_datetime") or has["datetime"]
            stop = has.get("end_datetime") or has["datetime"]
            if first not in ("", "..") and _time(stop) < _time(first):
                return False
            return last in ("", "..") or _time(start) <= _time(last)
        return True


class _Handler(BaseHTTPRequestHandler):
    server: StacServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self._answer("GET", parts.path, query)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer("POST", urlsplit(self.path).path, json.loads(body))

    def _answer(self, method: str, path: str, asked: dict[str, Any]) -> None:
        server = self.server
        if server.misbehave == "html":
            self._send(200, b"<html>a shop</html>", "text/html")
        elif server.misbehave == "broken" and path == "/search":
            self._send(500, b'{"description": "database is away"}')
        elif path == "/":
            self._send(200, json.dumps(server.landing()).encode())
        elif path == "/search" and method in server.methods:
            self._send(200, json.dumps(server.search(method, asked)).encode())
        else:
            self._send(404, b"{}")

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: pytest shows what matters."""


@contextmanager
def serving(
    items: list[dict[str, Any]],
    methods: tuple[str, ...] = ("GET", "POST"),
    page: int = 7,
    misbehave: str = "",
) -> Iterator[StacServer]:
    """A server for as long as the block lasts."""
    server = StacServer(items, methods, page, misbehave)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listed(value: Any) -> list[Any]:
    return value.split(",") if isinstance(value, str) else list(value or ())


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _overlap(one: list[float], other: list[float]) -> bool:
    """Boxes of west, south, east, north; west greater than east crosses the date line."""
    if one[1] > other[3] or other[1] > one[3]:
        return False

    def spans(box: list[float]) -> list[tuple[float, float]]:
        west, east = box[0], box[2]
        return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]

    return any(a[0] <= b[1] and b[0] <= a[1] for a in spans(one) for b in spans(other))
