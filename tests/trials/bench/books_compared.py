"""What people compare two tables with, in an environment of its own: `python books_compared.py HOW FOLDER`.

Both sides are there as columns already: the captures of the report (theirs.parquet) and of the books (ours.parquet).
Nothing is booked, kept or explained. It imports nothing of ours, whose environment has other versions of the same.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

_KEY = "payment"


def _sides(library: Any, folder: Path) -> tuple[Any, Any]:
    theirs, ours = (library.read_parquet(folder / f"{side}.parquet") for side in ("theirs", "ours"))
    return theirs, ours


def _datacompy(theirs: Any, ours: Any) -> None:
    importlib.import_module("datacompy").PolarsCompare(theirs, ours, join_columns=[_KEY]).report()


def _datacompy_pandas(theirs: Any, ours: Any) -> None:
    importlib.import_module("datacompy").PandasCompare(theirs, ours, join_columns=[_KEY]).report()


def _pandas(theirs: Any, ours: Any) -> None:
    merged = theirs.merge(ours, on=_KEY, how="outer", suffixes=("", "_ours"), indicator=True)
    merged[(merged["units"] != merged["units_ours"]) | (merged["_merge"] != "both")].shape  # noqa: B018 - what differs


_WAYS = {
    "datacompy": ("polars", _datacompy),
    "datacompy of pandas": ("pandas", _datacompy_pandas),
    "pandas merge": ("pandas", _pandas),
}


def main(how: str, folder: str) -> None:
    """Print seconds, CPU seconds and the peak of the process (MB) as JSON."""
    library, compare = _WAYS[how]
    importlib.import_module("datacompy")  # what it takes to start is not counted
    sides = _sides(importlib.import_module(library), Path(folder))
    began, cpu = time.perf_counter(), time.process_time()
    compare(*sides)
    told = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    print(json.dumps({**told, "peak": int(peak.split()[1]) / 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
