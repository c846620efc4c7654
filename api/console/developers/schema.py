"""The schema as a page shows it: what a type has, and which types and fields a text names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_FOUND_MAX: Final = 50


def found(types: Sequence[Mapping[str, Any]], text: str) -> Mapping[str, Any]:
    """Types and fields whose name has the text. `more`: there are more than are shown."""
    wanted = text.lower()
    all_ = list(_matching(types, wanted))
    return {"text": text, "matches": all_[:_FOUND_MAX], "more": len(all_) > _FOUND_MAX}


def _matching(types: Sequence[Mapping[str, Any]], wanted: str) -> Iterator[Mapping[str, str]]:
    for one in types:
        if one["name"].startswith("__"):
            continue
        if wanted in one["name"].lower():
            yield {"type": one["name"], "field": "", "said": one["description"] or ""}
        for field in one["fields"] or ():
            if wanted in field["name"].lower():
                yield {"type": one["name"], "field": field["name"], "said": field["description"] or ""}


def typed(told: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A type with its members, each with its type as it is written; None: there is no such type."""
    if told is None:
        return None
    members = [*(told["fields"] or ()), *(told["inputFields"] or ())]
    return {
        "name": told["name"],
        "kind": told["kind"],
        "said": told["description"],
        "members": [_member(one) for one in members],
        "values": told["enumValues"] or [],
        "possible": [one["name"] for one in told["possibleTypes"] or ()],
    }


def _member(one: Mapping[str, Any]) -> Mapping[str, Any]:
    arguments = [{**argument, **_written(argument["type"])} for argument in one.get("args") or ()]
    return {"name": one["name"], "said": one["description"], "arguments": arguments, **_written(one["type"])}


def _written(type_: Mapping[str, Any]) -> Mapping[str, str]:
    """The type as the language writes it, `[Refund!]!`, and the name that it is about."""
    if type_["kind"] == "NON_NULL":
        inner = _written(type_["ofType"])
        return {**inner, "written": f"{inner['written']}!"}
    if type_["kind"] == "LIST":
        inner = _written(type_["ofType"])
        return {**inner, "written": f"[{inner['written']}]"}
    return {"written": type_["name"], "named": type_["name"]}
