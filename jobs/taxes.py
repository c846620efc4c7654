"""The night's work on VAT, for all merchants: once a night, and whenever an operator asks for it."""

from dataclasses import dataclass

from domain.platform.database import for_all
from domain.taxes import nightly


@dataclass(frozen=True, slots=True)
class NightsWork:
    """How many reversals were opened, documents matched that had waited, and reversals told as late or nearly."""

    opened: int
    matched: int
    late: int


@for_all("what has left with VAT is opened, and what is late is told, whosever it is")
async def night() -> NightsWork:
    """Stopped at any point it is begun again: what is done is passed by."""
    opened = await nightly.catch_up()
    return NightsWork(opened, await nightly.match_again(), await nightly.flag_overdue())
