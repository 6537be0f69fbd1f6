"""Ask a STAC API for items.

It is asked for place, time and collection; all else is compared here, by the rules of a catalogue,
because few servers can filter by the fields of a radar.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import FormatError, InputError, MissingExtraError, SarloomError
from .catalogue import Tick
from .stac import Item, utc_text
from .wanted import Unstated, Wanted, fits, touches

TIMEOUT_S = 30.0
PAGE = 100


def search_api(
    wanted: Wanted, tick: Tick | None = None, unstated: Unstated | None = None
) -> Iterator[Item]:
    """Items of a STAC API that fit, page by page as they come in.

    Parameters
    ----------
    wanted
        What is asked for; its source is the address.
    tick
        Called with items looked at and items in all, where the API says how many.
    unstated
        Counts items that are left out only for what they do not state.

    Raises
    ------
    InputError
        If the API does not answer.
    FormatError
        If what answers is not a STAC API that can be searched, or its pages do not end.
    """
    for item in _answers(wanted.options.source, wanted, tick):
        item["assets"] = {
            name: asset for name, asset in item.get("assets", {}).items() if isinstance(asset, dict)
        }
        if fits(item, wanted) and touches(item, wanted.boxes):
            yield item
        elif unstated is not None:
            unstated.look(item, wanted)


def _answers(url: str, wanted: Wanted, tick: Tick | None) -> Iterator[Item]:
    """All items that the API returns, over all of its pages."""
    try:
        import requests
        from pystac_client.exceptions import APIError
    except ImportError as error:
        raise MissingExtraError("pystac-client", "archive") from error
    seen: set[tuple[Any, Any]] = set()
    try:
        for page in _pages(url, wanted):
            total = page.get("numberMatched", page.get("context", {}).get("matched"))
            for item in page["features"]:
                name = (item.get("collection"), item["id"])
                if name in seen:
                    raise FormatError(f"{url}: lists {name[1]} twice; its pages may not end")
                seen.add(name)
                yield item
            if tick is not None and total:
                tick(len(seen), total, "")
    except SarloomError:
        raise
    except (APIError, requests.RequestException, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{url}: does not answer as a STAC API ({reason}); check it") from error
    except Exception as error:  # what a strange answer makes the client raise is no closed list
        reason = " ".join(f"{type(error).__name__} {error}".split())[:300]
        raise FormatError(f"{url}: is not a STAC API ({reason}); check the address") from error


def _pages(url: str, wanted: Wanted) -> Iterator[dict[str, Any]]:
    from pystac_client import Client

    client = Client.open(url, timeout=TIMEOUT_S)
    if not client.conforms_to("ITEM_SEARCH"):
        raise FormatError(f"{url}: a STAC catalogue that cannot be searched; use a STAC API")
    asked: dict[str, Any] = {"limit": PAGE, "method": _method(client)}
    if wanted.options.bbox is not None:
        asked["bbox"] = list(wanted.options.bbox)
    if wanted.timed:
        ends = [utc_text(one) if one is not None else ".." for one in (wanted.first, wanted.last)]
        asked["datetime"] = "/".join(ends)
    if wanted.options.collection:
        asked["collections"] = list(wanted.options.collection)
    yield from client.search(**asked).pages_as_dicts()


def _method(client: Any) -> str:
    """GET, which every STAC API knows, unless only a link for POST is offered."""
    offered = [
        str(link.extra_fields.get("method", "GET")).upper() for link in client.get_links("search")
    ]
    return "POST" if offered and "GET" not in offered else "GET"
