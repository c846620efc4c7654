"""The console's words: English stands in the templates, and each noun's folder has catalogues of the other languages.

A catalogue is `words.<language>.po`, read when its language is first asked for; nothing is compiled beforehand, so an
editable install and a wheel have the same. What a noun's own catalogue does not have is looked up in `shared/`.
"""

import gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

HERE: Final = Path(__file__).parent
LANGUAGES: Final = {"zh-CN": "中文", "en": "English", "es": "Español", "pt-BR": "Português"}
TRANSLATED: Final = tuple(one for one in LANGUAGES if one != "en")
SHARED: Final = "shared"
_words: ContextVar[gettext.NullTranslations | None] = ContextVar("console_words", default=None)
_ENGLISH: Final = gettext.NullTranslations()


def catalogue_path(noun: str, language: str) -> Path:
    """Where a noun's words of a language are."""
    return HERE / noun / f"words.{language}.po"


def catalogue(noun: str, language: str) -> Catalog:
    """A noun's words of a language; empty where it has none yet."""
    path = catalogue_path(noun, language)
    if not path.is_file():
        return Catalog(locale=language.replace("-", "_"))
    with path.open("rb") as file:
        return read_po(file, locale=language.replace("-", "_"))


@lru_cache(maxsize=256)
def translations(noun: str, language: str) -> gettext.NullTranslations:
    """What a page of a noun is written with."""
    if language not in TRANSLATED:
        return _ENGLISH
    compiled = BytesIO()
    write_mo(compiled, catalogue(noun, language))
    compiled.seek(0)
    made = gettext.GNUTranslations(compiled)
    if noun != SHARED:
        made.add_fallback(translations(SHARED, language))
    return made


@contextmanager
def speaking(noun: str, language: str) -> Iterator[None]:
    """What is written in here is written in this language, with this noun's words."""
    reset = _words.set(translations(noun, language))
    try:
        yield
    finally:
        _words.reset(reset)


def N_(message: str) -> str:
    """Mark a text that is translated where it is shown: `_(STATE_WORDS[state])`."""
    return message


def _(message: str) -> str:
    """The text in the reader's language."""
    return (_words.get() or _ENGLISH).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """The text for so many, in the reader's language."""
    return (_words.get() or _ENGLISH).ngettext(one, many, count)
