"""The merchants that one may look at, where an installation serves several."""

from typing import Final

from api.console.page import Page
from api.console.words import N_

PAGES: Final = (Page("/merchants", "merchants/list", N_("Merchants")),)
