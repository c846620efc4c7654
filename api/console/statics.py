"""The console's own style and script, under names that change with their content: kept for a year."""

import hashlib
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.http import problem

PREFIX: Final = "/console/static/"
_FOLDER: Final = Path(__file__).parent / "static"
# One file each for the browser: the tokens come first.
_MADE_OF: Final = {
    "console.css": ("tokens.css", "shell.css", "parts.css"),
    "console.js": ("console.js",),
    "icon.svg": ("icon.svg",),
}
_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_YEAR: Final = {"cache-control": "public, max-age=31536000, immutable"}


def _read() -> dict[str, tuple[str, bytes]]:
    """What is served by the name under which it is served, with the plain name."""
    found = {}
    for name, parts in _MADE_OF.items():
        content = b"\n".join((_FOLDER / part).read_bytes() for part in parts)
        stem, kind = name.split(".")
        found[f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{kind}"] = (name, content)
    return found


_SERVED: Final = _read()
_NAMES: Final = {name: served for served, (name, _) in _SERVED.items()}


def address(name: str) -> str:
    """Where a file is served, for a template."""
    return PREFIX + _NAMES[name]


async def serve(request: Request) -> Response:
    """GET: the file; 404 where the name is of another version."""
    found = _SERVED.get(request.path_params["name"])
    if found is None:
        return problem(404, "There is no such file (any more).")
    name, content = found
    return Response(content, headers=dict(_YEAR), media_type=_TYPES[name.rsplit(".", 1)[1]])
