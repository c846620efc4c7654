"""Whether a change of the rules lets more through than before. What is not shown to be as strict is looser."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from domain.money import MINOR_UNITS_MAX
from domain.refunds.approvals.rules import ANY_OTHER, Before, Need, Rule, When


def is_looser(old: Rule | None, new: Rule | None) -> bool:
    """Whether `new` in the place of `old` may let something through that waited before. A rule more never does."""
    if old is None or not old.need.steps:
        return False
    if new is None:
        return True
    return not (_covers(new.when, old.when) and _wants_as_much(new.need, old.need))


def amounts_looser(old: Mapping[str, int], new: Mapping[str, int]) -> bool:
    """Whether some amount that was at or above its limit is below it now."""
    return not _amounts_cover(new, old)


def _covers(new: When, old: When) -> bool:
    """Whether all that met the old conditions meets the new ones."""
    for name in When.__slots__:
        wider, narrower = getattr(new, name), getattr(old, name)
        if wider is not None and (narrower is None or not _condition_covers(wider, narrower)):
            return False
    return True


def _condition_covers(new: Any, old: Any) -> bool:
    if isinstance(new, frozenset):
        return bool(new >= old)
    if isinstance(new, Mapping):
        return _amounts_cover(new, old)
    if isinstance(new, Before):
        return bool(new.count <= old.count and new.days >= old.days)
    if isinstance(new, int) and not isinstance(new, bool):  # older than so many days
        return bool(new <= old)
    return bool(new == old)


def _amounts_cover(new: Mapping[str, int], old: Mapping[str, int]) -> bool:
    currencies = {*new, *old}
    return all(_least(new, one) <= _least(old, one) for one in currencies | {ANY_OTHER})


def _least(amounts: Mapping[str, int], currency: str) -> int:
    """From how much on the rule holds, in minor units; above every amount where it does not."""
    return amounts.get(currency, amounts.get(ANY_OTHER, MINOR_UNITS_MAX + 1))


def _wants_as_much(new: Need, old: Need) -> bool:
    """As many of each role or permission, in the same order where there was one, in no more time."""
    if Counter(_people(old)) - Counter(_people(new)):
        return False
    if old.in_sequence and (not new.in_sequence or _people(new) != _people(old)):
        return False
    return (new.hours or float("inf")) <= (old.hours or float("inf"))


def _people(need: Need) -> list[str]:
    return [step.of for step in need.steps for _ in range(step.count)]
