"""Alerts by the clock: what is so is looked at, what is to be said is said, and in the morning a digest goes out.

The timetable does it, of which one leads; done twice it does nothing twice.
"""

from datetime import UTC, datetime

from domain.alerts import digest as digests
from domain.alerts import opening, tell
from domain.platform.database import for_all
from domain.platform.settings import Settings


@for_all("what people must act on is looked for, whosever it is")
async def look(settings: Settings) -> tuple[int, int]:
    """Look at everything, and tell what is new: how many signs there are, and how many messages were posted."""
    seen = await opening.look()
    _, posted = await tell.refresh(settings)
    return seen, posted


@for_all("what is due to be said is said, whosever it is")
async def say(settings: Settings) -> int:
    """Say what waited for its moment, or for the message before it; how many messages."""
    return await tell.say(settings)


@for_all("each merchant's morning has its digest")
async def digest(settings: Settings) -> int:
    """Post the digests whose time has come; how many."""
    return await digests.send(settings, datetime.now(UTC))
