"""`make fuzz` (MINUTES=1 SEED=...): every test that is about any input, with inputs that nobody has tried yet.

The gate plays the same examples each time. This draws new ones, seed after seed; what fails prints its seed, and the
same SEED plays it again. Exit status 0 only if nothing was found.
"""

import os
import random
import subprocess
import sys
import time
from typing import Final

_NOTHING_FOUND: Final = 0


def _play(seed: int) -> int:
    argv = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "worksteal", "-q", "-m", "hypothesis", "-x"]
    done = subprocess.run(
        [*argv, f"--hypothesis-seed={seed}", "-p", "no:cacheprovider", "tests"],
        env={**os.environ, "HYPOTHESIS_PROFILE": "search"},
        check=False,
    )
    return done.returncode


def main() -> int:
    given = os.environ.get("SEED")
    end = time.monotonic() + 60 * float(os.environ.get("MINUTES") or 1)
    while True:
        seed = int(given) if given else random.SystemRandom().randrange(2**32)
        print(f"SEED={seed}", flush=True)
        if _play(seed) != _NOTHING_FOUND:
            print(f"Found with SEED={seed}; `make fuzz SEED={seed}` plays it again.")
            return 1
        if given or time.monotonic() >= end:
            return 0


if __name__ == "__main__":
    sys.exit(main())
