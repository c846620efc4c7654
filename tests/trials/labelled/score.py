"""Findings against labels: precision and recall of each kind, and what was missed or found in vain."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from domain.platform.database import for_all, rows

# What the night says instead of a kind that it does not know yet, about the same payment.
_INSTEAD: Final[Mapping[str, tuple[str, ...]]] = {
    "BANK_INITIATED": ("MISSING_IN_LEDGER",),
    "CURRENCY_MISMATCH": ("MISSING_IN_LEDGER", "MISSING_IN_REPORT"),
    "EXPONENT_SUSPECTED": ("AMOUNT_MISMATCH",),
}
# Known by what the PSE, or the bank, calls it.
_AT_THE_BANK: Final = {"PAYOUT_MISSING": "payout", "BANK_LINE_UNKNOWN": "bank"}
_FOUND: Final = """SELECT f.kind, c.pse, r.reference, p.pse_reference, f.amount, f.currency, f.detail, f.explanation
FROM findings f JOIN connections c ON c.id = f.connection_id LEFT JOIN refunds r ON r.id = f.refund_id
LEFT JOIN payments p ON p.id = f.payment_id WHERE f.resolved_at IS NULL ORDER BY f.kind, f.fingerprint"""


class Key(NamedTuple):
    """What a finding or label is about."""

    kind: str
    pse: str
    subject: str
    name: str


class Amount(NamedTuple):
    """At stake, in minor units."""

    units: int
    currency: str


@dataclass(slots=True)
class Score:
    """Of one kind."""

    right: int = 0
    missed: list[str] = field(default_factory=list)
    in_vain: list[str] = field(default_factory=list)
    negatives: int = 0  # labels of what only looks so

    @property
    def precision(self) -> float:
        return self.right / (self.right + len(self.in_vain)) if self.right or self.in_vain else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + len(self.missed)) if self.right or self.missed else 1.0


async def found() -> list[Mapping[str, Any]]:
    """The findings that are open."""
    with for_all("the findings of every connection"):
        return list(await rows(_FOUND))


def of(labels: pl.DataFrame, findings: Iterable[Mapping[str, Any]], kinds: Sequence[str]) -> dict[str, Score]:
    """The score of each of these kinds. Of one thing the amounts of all findings of a kind are added up."""
    wanted, stories = _wanted(labels, kinds)
    had: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    said: dict[Key, str] = {}
    for one in findings:
        key = _key(one)
        if key.kind in kinds and not _instead(key, stories, kinds):
            had[key][one["currency"]] += one["amount"]
            said[key] = one["explanation"]
    scores = {kind: Score() for kind in kinds}
    for kind, many in labels.filter(~pl.col("planted")).group_by("kind").len().iter_rows():
        if kind in scores:
            scores[kind].negatives = many
    for key in wanted.keys() | had.keys():
        _count(scores[key.kind], key, wanted.get(key), had.get(key), said.get(key, ""), stories)
    return scores


def _count(
    score: Score,
    key: Key,
    wanted: Amount | None,
    had: Counter[str] | None,
    said: str,
    stories: Mapping[tuple[str, str], set[tuple[str, str]]],
) -> None:
    told = " + ".join(f"{units} {currency}" for currency, units in (had or {}).items())
    story = ", ".join(sorted({name for name, _ in stories.get((key.pse, key.name), set())}))
    if wanted is not None and had is not None and (wanted.units == 0 or dict(had) == {wanted.currency: wanted.units}):
        score.right += 1
        return
    if wanted is not None:
        score.missed.append(
            f"{key.pse} {key.subject} {key.name}: {wanted.units} {wanted.currency} [{story}], had {told}"
        )
    if had is not None:
        score.in_vain.append(f"{key.pse} {key.subject} {key.name}: {told} [{story}] {said}")


def _wanted(
    labels: pl.DataFrame, kinds: Sequence[str]
) -> tuple[dict[Key, Amount], dict[tuple[str, str], set[tuple[str, str]]]]:
    """What must be found of these kinds, and of each thing its story and every kind that it has."""
    wanted: dict[Key, Amount] = {}
    stories: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for row in labels.iter_rows(named=True):
        if row["planted"]:
            stories[row["pse"], row["name"]].add((row["story"], row["kind"]))
            stories[row["pse"], _payment_of(row)].add((row["story"], row["kind"]))
            if row["kind"] in kinds:
                wanted[Key(row["kind"], row["pse"], row["subject"], row["name"])] = Amount(
                    row["amount"], row["currency"]
                )
        else:
            stories[row["pse"], row["name"]].add((row["story"], ""))
    return wanted, stories


def _payment_of(row: Mapping[str, Any]) -> str:
    number = row["number"] or 0
    return f"payment {number // 10 if row['subject'] == 'refund' else number}"


def _instead(key: Key, stories: Mapping[tuple[str, str], set[tuple[str, str]]], kinds: Sequence[str]) -> bool:
    """Whether it stands for a kind that is not scored."""
    number = "".join(letter for letter in key.name[-15:] if letter.isdigit())
    of_payment = f"payment {int(number or 0) // 10 if key.subject == 'refund' else _number(key)}"
    told = stories.get((key.pse, key.name), set()) | stories.get((key.pse, of_payment), set())
    return any(key.kind in _INSTEAD.get(kind, ()) for _, kind in told if kind and kind not in kinds)


def _number(key: Key) -> int:
    digits = "".join(letter for letter in key.name if letter.isdigit())
    return int(digits[-11:] or 0)


def _key(one: Mapping[str, Any]) -> Key:
    detail = one["detail"] if isinstance(one["detail"], dict) else json.loads(one["detail"] or "{}")
    if one["reference"]:
        return Key(one["kind"], one["pse"], "refund", one["reference"])
    if one["pse_reference"]:
        return Key(one["kind"], one["pse"], "payment", one["pse_reference"])
    theirs = detail.get("theirs") or {}
    if one["kind"] in _AT_THE_BANK and theirs.get("words"):
        return Key(one["kind"], one["pse"], _AT_THE_BANK[one["kind"]], theirs["words"])
    for subject, column in (("word", "words"), ("file", "report"), ("payment", "payment"), ("payout", "payout")):
        if detail.get(column):
            return Key(one["kind"], one["pse"], subject, str(detail[column]))
    return Key(one["kind"], one["pse"], "nothing", one["explanation"][:60])


def labels_of(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "labels.parquet")


def table(scores: Mapping[str, Score], examples: int = 3) -> str:
    """For people: a line per kind, and examples of what went wrong."""
    lines = [f"{'kind':22}{'right':>7}{'missed':>8}{'in vain':>9}{'precision':>11}{'recall':>8}{'negatives':>11}"]
    for kind, one in sorted(scores.items()):
        lines.append(
            f"{kind:22}{one.right:7}{len(one.missed):8}{len(one.in_vain):9}{one.precision:11.3f}{one.recall:8.3f}"
            f"{one.negatives:11}"
        )
        lines += [f"    missed  {text}" for text in one.missed[:examples]]
        lines += [f"    in vain {text}" for text in one.in_vain[:examples]]
    return "\n".join(lines)
