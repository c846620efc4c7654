"""The supervisor: who has died comes back, and nobody waits for one who waits for another."""

import signal
import sys
from pathlib import Path

from jobs.machine.children import Child
from jobs.machine.supervisor import Supervisor
from tests.kit.family import send, until

_SLEEP = "import time; time.sleep(60)"


def _pid(child: Child) -> int | None:
    return child.process.pid if child.process is not None and child.exit_code() is None else None


async def test_a_child_that_needs_another_to_be_ready_does_not_hold_up_its_restart(tmp_path: Path) -> None:
    server_up = tmp_path / "up"
    server = Child("server", [sys.executable, "-c", f"open({str(server_up)!r}, 'w'); {_SLEEP}"], ready=server_up.exists)
    needy = Child("needy", [sys.executable, "-c", _SLEEP], ready=server_up.exists, ready_seconds_max=60)
    supervisor = Supervisor()
    supervisor.start([server, needy])
    supervisor._children.reverse()  # the needy one is looked at first
    before = _pid(server), _pid(needy)
    came_back: list[str] = []
    server.once_ready = lambda: came_back.append("server")
    needy.once_ready = lambda: came_back.append("needy")

    async def work() -> None:
        server_up.unlink()
        for child in (server, needy):
            send(child, signal.SIGKILL)
        await until(lambda: len(came_back) == 2, "both are ready again", 20)

    await supervisor.run(work)
    assert not {_pid(server), _pid(needy)} & set(before)
    assert set(came_back) == {"server", "needy"}


async def test_a_child_that_does_not_become_ready_is_ended_and_tried_again(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    child = Child("slow", [sys.executable, "-c", _SLEEP], ready=lambda: not broken.exists(), ready_seconds_max=1.0)
    supervisor = Supervisor()
    supervisor.start([child])
    seen: set[int | None] = set()

    def pids() -> int:
        seen.add(_pid(child))
        return len(seen - {None})

    async def work() -> None:
        broken.touch()
        send(child, signal.SIGKILL)
        await until(lambda: pids() >= 4, "it was started again and again", 30)
        broken.unlink()

    await supervisor.run(work)
    assert child.exit_code() is not None
