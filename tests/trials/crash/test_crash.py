"""`make crash`, shortened: every point once, in one round."""

import asyncio
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from domain.platform.crash import POINTS
from tests.kit.forked import told
from tests.trials.crash.plan import AT_RANDOM, plan
from tests.trials.crash.run import play

_SECONDS_MAX = 60
CHECKOUT = Path(__file__).resolve().parents[3]


def test_killed_at_every_point_nothing_is_lost_or_paid_twice(home: Path) -> None:
    seed = int(os.environ.get("SEED") or 20_260_101)
    print(f"SEED={seed}")
    home.mkdir(mode=0o711)
    kills = plan(random.Random(seed), rounds=1, at_random=2)
    outcome = asyncio.run(play(seed, home, kills, quiet_seconds_max=240))
    assert outcome.violations == []
    assert {kill.point for kill in kills if kill.reached} == {*POINTS, AT_RANDOM}


def test_every_point_is_named_and_passed_in_exactly_one_place() -> None:
    found: list[str] = []
    for room in ("api", "domain", "jobs"):
        for path in (CHECKOUT / room).rglob("*.py"):
            if path.name != "crash.py":
                found += re.findall(r'crash_(?:here|in_flight)\(\s*"([^"]+)"', path.read_text())
    assert sorted(found) == sorted(POINTS)


@pytest.mark.parametrize("module", ["jobs.worker", "jobs.timetable", "uvicorn"])
def test_a_point_that_is_none_stops_the_start(module: str) -> None:
    env = {"ESTORNO_CRASH": "nowhere:1", "PYTHONPATH": str(CHECKOUT)}
    done = told([module, *(["api.app:app"] if module == "uvicorn" else [])], env, _SECONDS_MAX)
    assert done.returncode != 0
    assert "SettingsError: ESTORNO_CRASH takes NAME:N" in done.stderr


def test_a_process_dies_at_its_point_when_its_turn_has_come() -> None:
    code = (
        "from domain.platform.crash import crash_here\n"
        "for n in range(5):\n    print(n, flush=True); crash_here('request.rung')"
    )
    env = {"ESTORNO_CRASH": "request.rung:3", "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (-9, ["0", "1", "2"])
