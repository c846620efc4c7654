"""In which language people read what is told: the field's `locale`, else what the request's Accept-Language wants."""

from api.http import languages
from domain.findings import kinds
from domain.languages import LOCALES
from domain.problems import InvalidInput


def locale_of(asked: str | None, spoken: str | None = None) -> str:
    """One of LOCALES: what is asked for, else what is spoken, else what the request wants. Raises InvalidInput.

    `spoken`: which languages the reader wants, where that is no request's.
    """
    if asked is None:
        return kinds.locale_of(spoken or languages())
    if asked not in LOCALES:
        raise InvalidInput(f"locale is one of {', '.join(LOCALES)}.", path=["locale"])
    return asked
