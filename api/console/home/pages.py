"""The first page: what needs the reader now, and how it goes."""

from collections.abc import Mapping
from typing import Any, Final

from api.console.home.needed import needed
from api.console.home.pictured import pictured
from api.console.page import Asked, Data, Nav, Page
from api.console.words import N_


def _view(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {"needed": needed(data, asked.may), "pictures": pictured(data)}


PAGES: Final = (Page("/", "home/home", N_("Home"), view=_view, nav=Nav(10, N_("Home"), bar=True), statements=26),)
