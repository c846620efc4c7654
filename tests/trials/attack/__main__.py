"""`make attack`: known attacks on a running instance, what each cost and what was answered. Exit 1 if one succeeds."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from domain.platform.log import configure
from domain.platform.settings import Settings
from tests.trials.attack.crowds import CROWDS
from tests.trials.attack.documents import DOCUMENTS, VALUES
from tests.trials.attack.run import HEAD, lines, run
from tests.trials.attack.storms import rates, storms
from tests.trials.attack.transport import TRANSPORT


async def _show(home: Path) -> int:
    broken = 0
    print(HEAD, flush=True)
    attacks = [*DOCUMENTS, *VALUES, *TRANSPORT, *CROWDS, *storms()]
    async for outcome in run(attacks, home, rates()):
        print("\n".join(lines(outcome)), flush=True)
        broken += bool(outcome.broken)
    print(f"{broken} of {len(attacks)} attacks succeeded.")
    return broken


def main() -> int:
    configure(Settings(log_level="error", log_format="console"))
    home = Path(tempfile.mkdtemp(prefix="estorno-attack-"))
    home.chmod(0o711)  # the servers' user must come through, and see nothing
    broken = asyncio.run(_show(home))
    if broken:
        print(f"The API's log is {home}/logs/api.log.")
        return 1
    shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
