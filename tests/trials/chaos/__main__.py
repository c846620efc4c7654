"""`make chaos` (SECONDS=60, SEED=...): machines die under load, and the books come out right. Exit 1 if they do not."""

import asyncio
import os
import random
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from domain.platform.log import configure
from domain.platform.settings import Settings
from tests.trials.chaos.faults import Plan
from tests.trials.chaos.run import run, show


def main() -> int:
    plan = Plan()
    plan = replace(plan, seconds=float(os.environ.get("SECONDS") or plan.seconds))
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    configure(Settings(log_level="error", log_format="console"))
    home = Path(tempfile.mkdtemp(prefix="estorno-chaos-"))
    home.chmod(0o711)  # the servers' user must come through, and see nothing
    print(f"Chaos for {plan.seconds:.0f} s, SEED={seed}, logs in {home}/logs ...", flush=True)
    outcome = asyncio.run(run(plan, seed, home))
    show(outcome, plan, seed)
    if outcome.violations:
        return 1  # what it left is kept, for whoever looks for the reason
    shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
