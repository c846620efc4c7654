"""How long a refund takes: what is published, and nothing else."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from domain.pse.capabilities import Capability, Route
from domain.pse.vocabulary import Method
from domain.quotes.figures import Takes

_TABLE: Final = Path(__file__).parent / "durations.toml"
_NOT_PUBLISHED: Final = "How long it takes is not published for {method} at {pse}."
_BY_HAND: Final = "A person pays it: it takes as long as they and their bank take."


@cache
def _published() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    with _TABLE.open("rb") as file:
        return tomllib.load(file)


def takes(pse: str, method: Method, able: Capability) -> Takes:
    """Typically, and at most, in days from the sending; what is unknown says why."""
    if able.paid_by_hand or able.route is Route.UNSUPPORTED:
        return Takes(unknown=_BY_HAND)
    row = _published().get(pse, {}).get(method.value, {})
    typical, most = row.get("typical_days"), able.expected_days
    if typical is None and most is None:
        return Takes(unknown=_NOT_PUBLISHED.format(method=method.value, pse=pse))
    return Takes(typical, most, row.get("source") or able.source)
