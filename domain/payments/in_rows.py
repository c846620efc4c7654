"""How much left under one name, where reports tell it in several rows.

A kind of report tells each money once, and another kind may tell the same money in other rows: so it is as much as the
kind says that tells most of it. A row of an amount that its kind has told before may be the same row.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any


def whole(told: Sequence[Mapping[str, Any]]) -> int:
    """Minor units that these rows of one name (`kind`, `amount`) tell to have left."""
    of_kind: defaultdict[str, set[int]] = defaultdict(set)
    for one in told:
        of_kind[(one["kind"] or "").lower()].add(one["amount"])
    return max(map(sum, of_kind.values()))
