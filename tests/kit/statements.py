"""What was asked of the database while a test looked."""

from typing import Final

import pytest

# Done by the clock, whoever asks: a token is remembered for seconds only, calls are metered in the background.
_BY_THE_CLOCK: Final = ("FROM tokens t", "INTO usage_calls", "jsonb_each(p.quotas) q")


def asked(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The statements that were logged (tortoise.db_client at DEBUG), without what is done by the clock."""
    told = [one.getMessage() for one in caplog.records if one.name == "tortoise.db_client"]
    return [one for one in told if not any(words in one for words in _BY_THE_CLOCK)]
