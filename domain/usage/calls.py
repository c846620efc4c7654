"""API calls, counted in the process's own memory and written in the background: no request waits for it.

What a killed process had counted since it wrote last is lost: less than half a minute of its calls, to the merchant's
advantage.
"""

from collections import Counter
from typing import Final
from uuid import UUID

from domain.platform.database import execute, for_all

# Which month it is says the merchant's own clock, as it is written.
_ADD: Final = """INSERT INTO usage_calls AS u (merchant_id, month, calls)
SELECT m.id, date_trunc('month', now() AT TIME ZONE m.zone)::date, a.calls
FROM unnest($1::uuid[], $2::bigint[]) AS a(id, calls) JOIN merchants m ON m.id = a.id ORDER BY m.id
ON CONFLICT (merchant_id, month) DO UPDATE SET calls = u.calls + excluded.calls"""


class Calls:
    """Of one process."""

    def __init__(self) -> None:
        self._counted: Counter[UUID] = Counter()

    def note(self, merchant_id: UUID) -> None:
        """An operation of the merchant's begins."""
        self._counted[merchant_id] += 1

    @for_all("each merchant's calls are counted")
    async def flush(self) -> None:
        """Write what was counted since the last time; what cannot be written is counted again."""
        counted, self._counted = self._counted, Counter()
        if not counted:
            return
        try:
            await execute(_ADD, list(counted), list(counted.values()))
        except BaseException:
            self._counted.update(counted)
            raise
