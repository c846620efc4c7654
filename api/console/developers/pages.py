"""For developers: the schema, a document with its variables and answer, examples, the documents of the pages."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import documents
from api.console.developers.examples import EXAMPLES
from api.console.developers.schema import found, typed
from api.console.page import Asked, Data, Nav, Page
from api.console.words import N_

_ROOT: Final = "Query"


def _variables(asked: Asked) -> Mapping[str, Any]:
    return {"name": asked.text("type") or _ROOT, "finding": asked.text("find") is not None}


def _view(asked: Asked, data: Data) -> Mapping[str, Any]:
    begun = _begun(asked)
    looked_for, named = asked.text("find"), data.get("__schema")
    return {
        "shown": typed(data.get("__type")),
        "found": found(named["types"], looked_for) if looked_for and named else None,
        "examples": EXAMPLES,
        "pages": [name for name in documents.all_names() if not name.startswith("shared/")],
        "begun": begun,
        "result": None,
    }


def _begun(asked: Asked) -> tuple[str, str]:
    """The document and the variables that the editor begins with."""
    name = asked.text("page")
    if name in documents.all_names():
        return documents.document(str(name)).text, "{}"
    example = EXAMPLES.get(asked.text("example") or "", next(iter(EXAMPLES.values())))
    return example.document, example.variables


PAGES: Final = (
    Page(
        "/api",
        "developers/api",
        N_("For developers"),
        _variables,
        _view,
        nav=Nav(160, N_("Developers"), group=1),
        offered=lambda settings: settings.introspection,
        constant="developers/names",
        runs="run",
    ),
)
