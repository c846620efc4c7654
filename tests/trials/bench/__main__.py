"""`make bench`: what we reach, as ratios to limits that are measured in the same run, in turn with it.

`ONLY=creates`, `ONLY=worker` or `ONLY=live` measures one part.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from domain.platform import migrate
from jobs.machine.servers import APPLICATION, OWNER
from tests.kit import databases
from tests.trials.bench import creates, live, worker
from tests.trials.bench.stage import Stage, servers


def _creates(stage: Stage, rounds: int) -> Table:
    table = Table("What", "Per second", "Ratio to pgbench", "p50 ms", "p99 ms", title=f"Medians of {rounds} rounds")
    for row in creates.rows(stage, rounds):
        table.add_row(row.what, f"{row.per_second:.0f}", row.ratio, f"{row.p50:.1f}", f"{row.p99:.1f}")
    return table


def _worker(stage: Stage, rounds: int) -> Table:
    idle = worker.idle(stage, rounds)
    title = f"From a request to SUCCEEDED, {worker.REFUNDS} refunds at the Pix sandbox; medians of {rounds} rounds"
    caption = f"One refund at a time, from its statement to its call: p50 {idle.p50:.1f} ms, p90 {idle.p90:.1f} ms."
    table = Table("API", "Workers", "Refunds/s", "Ratio to pgbench", title=title, caption=caption)
    for row in worker.scaled(stage, rounds):
        table.add_row(str(row.apis), str(row.workers), f"{row.per_second:.0f}", f"{row.ratio:.3f}")
    return table


def _live(stage: Stage, rounds: int) -> Table:
    title = f"Live: {live.SUBSCRIBERS} subscribers, one event for each; medians of {rounds} rounds"
    names = ("What", "Events/s", "Of the limit", "p99 ms", "Of the limit's", "Connects/s", "CPU ms each", "KiB each")
    table = Table(*names, title=title, caption=live.GOALS)
    for row in live.rows(stage, rounds):
        events = (f"{row.per_second:.0f}", f"{row.ratio:.2f}", f"{row.p99:.1f}", f"{row.p99_ratio:.2f}")
        table.add_row(row.what, *events, f"{row.connects:.0f}", f"{row.connect_cpu:.2f}", f"{row.kib:.0f}")
    return table


def main() -> None:
    rounds = int(os.environ.get("ROUNDS") or 3)
    parts = {"creates": _creates, "worker": _worker, "live": _live}
    console = Console(width=130)
    with tempfile.TemporaryDirectory(prefix="estorno-bench-") as folder, servers(Path(folder)) as stage:
        asyncio.run(migrate.run(stage.postgres.url(OWNER), APPLICATION))
        asyncio.run(databases.let_anybody_give(stage.postgres.url(OWNER)))
        asyncio.run(creates.prepare(stage))
        for name, part in parts.items():
            if os.environ.get("ONLY") in (None, "", name):
                console.print(part(stage, rounds))
    console.print("Load: our own raw-socket clients, in a process of their own, on the same cores.")


if __name__ == "__main__":
    main()
