"""Rules, needs and caps as they are kept: plain JSON, checked when it comes in, read back without a doubt."""

from collections.abc import Mapping
from datetime import time
from typing import Any
from uuid import UUID

from domain.models.refunds import Reason
from domain.pse.vocabulary import DestinationKind, Method
from domain.refunds.approvals.rules import Before, Hours, Need, Rule, Step, When, Word

_SETS: Mapping[str, Any] = {
    "methods": Method,
    "pses": str,
    "stores": UUID,
    "reasons": Reason,
    "requester_roles": str,
    "requesters": UUID,
    "destination_kinds": DestinationKind,
}
_PLAIN = ("amounts", "older_than_days", "requester_is_program", "other_holder", "unproven")


def of_when(when: When) -> dict[str, Any]:
    """The conditions that are given, by name; sets are sorted lists of text. One that is not given is left out."""
    made: dict[str, Any] = {name: getattr(when, name) for name in _PLAIN if getattr(when, name) is not None}
    made |= {name: sorted(str(one) for one in getattr(when, name)) for name in _SETS if getattr(when, name) is not None}
    if when.refunded_before is not None:
        made["refunded_before"] = {"count": when.refunded_before.count, "days": when.refunded_before.days}
    if (hours := when.outside) is not None:
        begin, end = hours.begin.isoformat("minutes"), hours.end.isoformat("minutes")
        made["outside"] = {"begin": begin, "end": end, "weekdays": sorted(hours.weekdays)}
    if when.whose_word is not None:
        made["whose_word"] = when.whose_word.value
    return made


def when_of(kept: Mapping[str, Any]) -> When:
    """What `of_when` has kept. Raises KeyError and ValueError for words that no version has kept."""
    given: dict[str, Any] = {name: kept[name] for name in _PLAIN if name in kept}
    given |= {name: frozenset(kind(one) for one in kept[name]) for name, kind in _SETS.items() if name in kept}
    if "refunded_before" in kept:
        given["refunded_before"] = Before(**kept["refunded_before"])
    if "outside" in kept:
        told = kept["outside"]
        begin, end = time.fromisoformat(told["begin"]), time.fromisoformat(told["end"])
        given["outside"] = Hours(begin, end, frozenset(told["weekdays"]))
    if "whose_word" in kept:
        given["whose_word"] = Word(kept["whose_word"])
    return When(**given)


def of_need(need: Need) -> dict[str, Any]:
    """`{rule, why, steps: [{of, count}], in_sequence, hours}`; `hours` is None where it waits as long as others."""
    steps = [{"of": step.of, "count": step.count} for step in need.steps]
    return {
        "rule": need.rule,
        "why": need.why,
        "steps": steps,
        "in_sequence": need.in_sequence,
        "hours": need.hours,
    }


def need_of(kept: Mapping[str, Any]) -> Need:
    """What `of_need` has kept. Raises KeyError for a field that is missing."""
    steps = tuple(Step(step["of"], step["count"]) for step in kept["steps"])
    return Need(kept["rule"], kept["why"], steps, kept["in_sequence"], kept["hours"])


def of_rule(rule: Rule) -> dict[str, Any]:
    """`{when, need}`, as `of_when` and `of_need` keep them."""
    return {"when": of_when(rule.when), "need": of_need(rule.need)}


def rule_of(kept: Mapping[str, Any]) -> Rule:
    """What `of_rule` has kept. Raises as `when_of` and `need_of`."""
    return Rule(when_of(kept["when"]), need_of(kept["need"]))
