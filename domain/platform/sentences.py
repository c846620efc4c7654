"""Sentences of ours that carry facts, known again by what stands around the facts, and said in another language.

In English {} stands where a fact does; in the others {1} is where the first one goes. A sentence is found from left to
right: linear in its length, whatever somebody has put into it.
"""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

_FACT: Final = "{}"
_PLACE: Final = re.compile(r"\{(\d{1,2})\}")
_LONGEST: Final = 2_000  # characters of what is looked up
_DEPTH: Final = 2  # a fact may be a sentence of its own
_WORD: Final = re.compile(r"[A-Za-z]+")
_STOP: Final = ". "  # between two sentences
_SENTENCES: Final = 5  # at most so many are taken apart
_BETWEEN: Final = {"zh-CN": ""}  # between two sentences of a language; a space in the others


@dataclass(frozen=True, slots=True)
class Sentence:
    """One in English, by what stands around its facts, and in the other languages."""

    parts: tuple[str, ...]
    others: Mapping[str, str]

    def facts(self, said: str) -> list[str] | None:
        """What stands where the facts do; None: it is another sentence."""
        first, last = self.parts[0], self.parts[-1]
        if len(self.parts) == 1:
            return [] if said == first else None
        if not said.startswith(first) or not said.endswith(last) or len(said) < len(first) + len(last):
            return None
        found, place, end = [], len(first), len(said) - len(last)
        for part in self.parts[1:-1]:
            at = said.find(part, place, end)
            if at < 0:
                return None
            found.append(said[place:at])
            place = at + len(part)
        return [*found, said[place:end]]

    @property
    def weight(self) -> int:
        """How much of it is its own words."""
        return sum(len(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class _Said:
    """What was made of a text. `weight`: how much of it was known for ours; most is best."""

    words: str
    weight: int


class Phrasebook:
    """The sentences of some files ([[message]]: `en` and the others), in languages beside English."""

    def __init__(self, files: Iterable[Path], others: Iterable[str]) -> None:
        names = tuple(others)
        rows = {row["en"]: row for file in files for row in _rows(file)}
        found = (Sentence(tuple(en.split(_FACT)), {name: row[name] for name in names}) for en, row in rows.items())
        # Those with most words of their own first: a short one may stand within a long one.
        self.sentences: Sequence[Sentence] = sorted(found, key=lambda one: -one.weight)
        self._whole = {one.parts[0]: one for one in self.sentences if len(one.parts) == 1}
        self._by_word = _by_word(self.sentences)
        self.told = lru_cache(maxsize=4_096)(self._told)

    def translated(self, said: str, locale: str) -> str | None:
        """One sentence in that language; None: nobody has translated it."""
        found = self._translated(said, locale, _DEPTH)
        return found.words if found else None

    def _told(self, said: str, locale: str) -> str:
        """A text in that language: sentence by sentence, and one that nobody has translated stays as it is."""
        if len(said) > _LONGEST:
            return said
        *firsts, last = said.split(_STOP, _SENTENCES)
        left = [f"{one}." for one in firsts] + [last]
        best = _Said("", 0)  # of the sentences behind the one that is looked at
        behind = [best]
        for start in range(len(left) - 1, -1, -1):
            ways = (self._way(left[start:end], behind[len(left) - end], locale) for end in range(len(left), start, -1))
            best = max(ways, key=lambda way: way.weight)
            behind.append(best)
        return best.words

    def _way(self, first: Sequence[str], rest: _Said, locale: str) -> _Said:
        """These sentences as one, and then the rest."""
        said = " ".join(first)
        found = self._translated(said, locale, _DEPTH)
        gap = (_BETWEEN.get(locale, " ") if found else " ") if rest.words else ""
        one = found or _Said(said, 0)
        return _Said(f"{one.words}{gap}{rest.words}", one.weight + rest.weight)

    def _translated(self, said: str, locale: str, depth: int) -> _Said | None:
        if len(said) > _LONGEST:
            return None
        if " " not in said:  # most facts are a name or a number
            plain = self._whole.get(said)
            return _Said(plain.others[locale], plain.weight) if plain else None
        for one in self._likely(said):
            facts = one.facts(said)
            if facts is not None:
                return self._filled(one, facts, locale, depth)
        return None

    def _likely(self, said: str) -> Sequence[Sentence]:
        """Those whose rarest word is in what is said, in their order."""
        words: set[str | None] = {None, *_WORD.findall(said)}
        return sorted((one for word in words for one in self._by_word.get(word, ())), key=lambda one: -one.weight)

    def _filled(self, one: Sentence, facts: Sequence[str], locale: str, depth: int) -> _Said:
        """The words with the facts in their places; never looked at again for more places."""
        told = [(self._translated(fact, locale, depth - 1) if depth else None) or _Said(fact, 0) for fact in facts]
        words = _PLACE.sub(lambda found: told[int(found[1]) - 1].words, one.others[locale])
        return _Said(words, one.weight + sum(fact.weight for fact in told))


def _by_word(sentences: Sequence[Sentence]) -> Mapping[str | None, Sequence[Sentence]]:
    """Each by the rarest of its words; by None those that have no word of their own."""
    words = {one.parts: _words_of(one) for one in sentences}
    often = Counter(word for found in words.values() for word in found)
    found: dict[str | None, list[Sentence]] = defaultdict(list)
    for one in sentences:
        found[min(sorted(words[one.parts]), key=lambda word: often[word], default=None)].append(one)
    return found


def _words_of(one: Sentence) -> set[str]:
    """Its words, but for those that a fact may make longer."""
    found = set()
    for place, part in enumerate(one.parts):
        for word in _WORD.finditer(part):
            ends = (place == 0 or word.start() > 0, place == len(one.parts) - 1 or word.end() < len(part))
            found |= {word[0]} if all(ends) else set()
    return found


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    with file.open("rb") as opened:
        yield from tomllib.load(opened)["message"]
