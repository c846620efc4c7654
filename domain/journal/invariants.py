"""What must always be true of journals, as queries that return what breaks it (domain/invariants)."""

from collections.abc import Mapping
from typing import Final

JOURNALS: Final[Mapping[str, str]] = {
    "journals: a number is of one content, in whichever encoding": """
        SELECT format('merchant %s, number %s: %s contents', merchant_id, number,
                      count(DISTINCT (first_day, format, digest))) AS detail
        FROM journal_batches WHERE number IS NOT NULL GROUP BY merchant_id, number
        HAVING count(DISTINCT (first_day, format, digest)) > 1""",
}
