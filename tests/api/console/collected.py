"""The texts that the console's pages have, by noun: `python -m tests.api.console.collected` writes them to catalogues.

A text that is new gets an empty translation, which fails the gate until somebody fills it in; one that no page has any
more goes. What `shared/` translates already is not asked for again.
"""

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import write_po

from api.console.words import HERE, SHARED, TRANSLATED, catalogue, catalogue_path

_KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
_OPTIONS = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
Text = str | tuple[str, ...]


def nouns() -> list[str]:
    """Every folder that has pages or texts."""
    return sorted(path.name for path in HERE.iterdir() if path.is_dir() and path.name not in ("static", "__pycache__"))


@cache
def texts(noun: str) -> frozenset[Text]:
    """All that is said in a noun's folder; what is said by the frame and the rooms beside it is `shared`'s."""
    files = [*(HERE / noun).rglob("*.html"), *(HERE / noun).rglob("*.py")]
    if noun == SHARED:
        files += HERE.glob("*.py")
    return frozenset(text for path in files for text in texts_of(path))


def texts_of(path: Path) -> Iterator[Text]:
    """All that one file says."""
    how = "jinja2.ext:babel_extract" if path.suffix == ".html" else "python"
    options = _OPTIONS if path.suffix == ".html" else {}
    with path.open("rb") as file:
        for _line, text, _comments, _context in extract(how, file, _KEYWORDS, options=options):
            yield tuple(text) if isinstance(text, list | tuple) else text


def wanted(noun: str, language: str) -> set[Text]:
    """What the noun's own catalogue must have."""
    shared = catalogue(SHARED, language) if noun != SHARED else Catalog()
    return {text for text in texts(noun) if not _translated(shared, text)}


def _translated(where: Catalog, text: Text) -> bool:
    found = where.get(text if isinstance(text, str) else text[0])
    return found is not None and _whole(found.string)


def _whole(string: Any) -> bool:
    return bool(string) if isinstance(string, str) else bool(string) and all(string)


def missing(noun: str, language: str) -> list[str]:
    """The texts that have no translation."""
    own = catalogue(noun, language)
    return sorted(str(text) for text in wanted(noun, language) if not _translated(own, text))


def obsolete(noun: str, language: str) -> list[str]:
    """The translations that no page of the noun asks for."""
    asked = {text if isinstance(text, str) else text[0] for text in texts(noun)}
    found = (one.id if isinstance(one.id, str) else one.id[0] for one in catalogue(noun, language) if one.id)
    return sorted(text for text in found if text not in asked)


def update(noun: str, language: str) -> int:
    """Write the noun's catalogue anew; how many texts of it are still without a translation."""
    before, made = catalogue(noun, language), Catalog(locale=language.replace("-", "_"))
    asked = wanted(noun, language)
    for text in sorted(asked, key=str):
        key = text if isinstance(text, str) else text[0]
        old = before.get(key)
        made.add(text, old.string if old is not None else "" if isinstance(text, str) else ("",) * made.num_plurals)
    if asked or catalogue_path(noun, language).exists():
        with catalogue_path(noun, language).open("wb") as file:
            write_po(file, made, width=118, sort_output=True, omit_header=True, no_location=True)
    return len(missing(noun, language))


def main() -> None:
    """Every catalogue, or those of the nouns that are named."""
    for noun in sys.argv[1:] or [SHARED, *(one for one in nouns() if one != SHARED)]:
        for language in TRANSLATED:
            print(f"{noun} {language}: {update(noun, language)} to translate")


if __name__ == "__main__":
    main()
