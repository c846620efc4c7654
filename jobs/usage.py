"""Counting what every merchant uses, by the clock."""

from domain.platform.database import for_all
from domain.usage import months


@for_all("what each merchant uses is counted")
async def count() -> int:
    """How many quotas have been said to be reached."""
    return await months.count()
