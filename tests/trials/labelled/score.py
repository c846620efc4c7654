"""Findings against labels: precision and recall of each kind, and what was missed or found in vain."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from domain.platform.database import for_all, rows

# Known by what the PSE, or the bank, calls it.
_AT_THE_BANK: Final = {"PAYOUT_MISSING": "payout", "BANK_LINE_UNKNOWN": "bank"}
_OF_LINES: Final = ("FEE_MISMATCH", "FX_MISMATCH")  # one finding of all lines of a report
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
        for key, amount in _about(one):
            if key.kind in kinds:
                had[key][amount.currency] += amount.units
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
    stories: Mapping[tuple[str, str], set[str]],
) -> None:
    told = " + ".join(f"{units} {currency}" for currency, units in (had or {}).items())
    story = ", ".join(sorted(stories.get((key.pse, key.name), ())))
    if wanted is not None and had is not None and (wanted.units == 0 or dict(had) == {wanted.currency: wanted.units}):
        score.right += 1
        return
    if wanted is not None:
        score.missed.append(
            f"{key.pse} {key.subject} {key.name}: {wanted.units} {wanted.currency} [{story}], had {told}"
        )
    if had is not None:
        score.in_vain.append(f"{key.pse} {key.subject} {key.name}: {told} [{story}] {said}")


def _wanted(labels: pl.DataFrame, kinds: Sequence[str]) -> tuple[dict[Key, Amount], dict[tuple[str, str], set[str]]]:
    """What must be found of these kinds, and of each thing its stories."""
    wanted: dict[Key, Amount] = {}
    stories: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in labels.iter_rows(named=True):
        stories[row["pse"], row["name"]].add(row["story"])
        if row["planted"] and row["kind"] in kinds:
            key = Key(row["kind"], row["pse"], row["subject"], row["name"])
            wanted[key] = Amount(row["amount"], row["currency"])
    return wanted, stories


def _about(one: Mapping[str, Any]) -> list[tuple[Key, Amount]]:
    """What a finding is about: one thing, or of fees and rates each payment that its detail shows.

    Raises ValueError where it shows only some of them: then there are too many to be scored.
    """
    detail = one["detail"] if isinstance(one["detail"], dict) else json.loads(one["detail"] or "{}")
    if one["kind"] not in _OF_LINES:
        return [(_key(one, detail), Amount(one["amount"], one["currency"]))]
    if detail["differing"] > len(detail["examples"]):
        raise ValueError(f"{detail['differing']} lines differ, and the finding shows {len(detail['examples'])}.")
    return [
        (Key(one["kind"], one["pse"], "payment", line["payment"]), Amount(_apart(line, detail), one["currency"]))
        for line in detail["examples"]
    ]


def _apart(line: Mapping[str, str], detail: Mapping[str, Any]) -> int:
    """By how much a line's fee, or what it was converted to, is off (minor units, half up)."""
    if "theirs" in line:
        off = Decimal(line["theirs"]) - Decimal(line["ours"])
    else:
        off = (Decimal(line["settled"]) - Decimal(line["paid"]) * Decimal(detail["ours"]["rate"])) * 100
    return int(abs(off).quantize(Decimal(1), ROUND_HALF_UP))


def _key(one: Mapping[str, Any], detail: Mapping[str, Any]) -> Key:
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
