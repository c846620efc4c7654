"""Requests as most PSEs want them."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import httpx

JSON: Final[Mapping[str, str]] = {"Accept": "application/json"}
NAMED: Final[Mapping[str, str]] = {**JSON, "User-Agent": "Estorno"}  # for those that refuse a client without a name


def url(base_url: str, *parts: str) -> str:
    """The address of `parts` below a base; what stands in a part, a slash for instance, stays in it."""
    return "/".join([base_url, *(quote(part, safe="") for part in parts)])


def address(named: object) -> httpx.URL | None:
    """What an answer names as an address; None where it is none."""
    try:
        return httpx.URL(str(named))
    except httpx.InvalidURL:
        return None


def post(base_url: str, *parts: str, body: Mapping[str, object], headers: Mapping[str, str] = JSON) -> httpx.Request:
    """Send `body` as JSON to `url`."""
    return httpx.Request("POST", url(base_url, *parts), json=body, headers=headers)


def get(
    base_url: str, *parts: str, headers: Mapping[str, str] = JSON, asked: Mapping[str, str] | None = None
) -> httpx.Request:
    """Ask for what is at `url`, with these parameters."""
    return httpx.Request("GET", url(base_url, *parts), params=asked or None, headers=headers)
