"""`make bench`: what we reach, as ratios to limits that are measured in the same run, in turn with it."""

import os
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.trials.bench import creates
from tests.trials.bench.stage import servers


def main() -> None:
    rounds = int(os.environ.get("ROUNDS") or 3)
    with tempfile.TemporaryDirectory(prefix="estorno-bench-") as folder, servers(Path(folder)) as stage:
        found = creates.rows(stage, rounds)
    table = Table("What", "Per second", "Ratio to pgbench", "p50 ms", "p99 ms", title=f"Medians of {rounds} rounds")
    for row in found:
        table.add_row(row.what, f"{row.per_second:.0f}", row.ratio, f"{row.p50:.1f}", f"{row.p99:.1f}")
    console = Console(width=110)
    console.print(table)
    console.print("Load: our own raw-socket client, in a process of its own, on the same cores.")


if __name__ == "__main__":
    main()
