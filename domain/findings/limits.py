"""From which amount on another person confirms how a finding was resolved: a rule of the merchant's, with defaults."""

import json
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from domain.access.small import SMALL
from domain.platform.database import rows

KIND: Final = "FINDING"  # of approval_rules
NAME: Final = "RESOLVE_FINDINGS"
DEFAULT: Final = SMALL
_STANDING: Final = """SELECT body FROM approval_rules WHERE merchant_id = $1 AND kind = $2 AND name = $3
  AND started_at IS NOT NULL AND ended_at IS NULL AND body IS NOT NULL"""


async def of(merchant_id: UUID) -> Mapping[str, int]:
    """At or above: minor units by currency."""
    found = await rows(_STANDING, merchant_id, KIND, NAME)
    if not found:
        return DEFAULT
    amounts: Mapping[str, int] = json.loads(found[0]["body"])["amounts"]
    return amounts
