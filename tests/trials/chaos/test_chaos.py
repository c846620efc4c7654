"""The run of `make chaos`, shortened: each kind of damage at least once."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from tests.trials.chaos.faults import Plan
from tests.trials.chaos.load import Seen
from tests.trials.chaos.run import DAMAGE, Outcome, run
from tests.trials.chaos.verdict import Verdict

SEED = 20260101
SHORT = Plan(
    seconds=12,
    restart_valkey=6,
    restart_postgres=5,
    kill_worker=4,
    kill_leader=9,
    reconcile=4,
    payments=120,
    clients=8,
    pause_seconds=0.5,
)


def test_machines_die_and_the_books_come_out_right(home: Path) -> None:
    home.mkdir(mode=0o711)
    outcome = asyncio.run(run(SHORT, SEED, home))
    assert list(outcome.violations) == []
    assert len(outcome.seen.accepted) >= SHORT.clients
    assert outcome.verdict.states["SUCCEEDED"] > 0


def test_a_run_in_which_something_never_happened_has_proved_nothing() -> None:
    done = dict.fromkeys(DAMAGE, 1)
    assert not Outcome(done, Seen(), Verdict()).violations
    for what in DAMAGE:
        assert Outcome({**done, what: 0}, Seen(), Verdict()).violations == [f"never happened: {what}"]


_CLOCKS = """
import json, sys, time
from datetime import UTC, datetime, timedelta
moment = datetime.now(UTC)
told = [time.time(), moment.timestamp(), datetime.utcnow().timestamp(), time.monotonic(),
        (moment + timedelta(1) - moment).days, isinstance(datetime.fromisoformat("2026-01-01"), datetime),
        sys.argv[1:]]
print(json.dumps(told))
"""


def test_a_skewed_process_has_another_wall_clock_and_the_same_monotonic_one(tmp_path: Path) -> None:
    (tmp_path / "clocks.py").write_text(_CLOCKS)

    def told(skew: int) -> list[float]:
        argv = [sys.executable, "-W", "ignore", "-m", "tests.trials.chaos.skewed", str(skew), "clocks", "argument"]
        path = f"{Path.cwd()}:{tmp_path}"
        out = subprocess.run(argv, env={"PYTHONPATH": path, "TZ": "UTC"}, capture_output=True, text=True, check=True)
        found: list[float] = json.loads(out.stdout)
        return found

    right, off = told(0), told(600)
    for number in range(3):
        assert 590 < off[number] - right[number] < 610 + (off[3] - right[3])
    assert off[3] - right[3] < 500
    assert off[4:] == [1, True, ["argument"]]
