"""A second hearing for the few tests that failed in the crowd of a whole run: each must pass three times, alone.

`python -m tests.kit.alone` reads what pytest's cache says of the last run. Exit status 0 only if all passed each time.
"""

import json
import subprocess
import sys
from pathlib import Path

_FAILED = Path(".pytest_cache/v/cache/lastfailed")
_STATUS = Path(".venv/tests.status")
_SOME_FAILED = "1"  # pytest's own exit status; any other than 0: not all were run
_FEW = 3
_TIMES = 3


def failed(cache: Path = _FAILED, status: Path = _STATUS) -> list[str]:
    """The tests that the last run saw fail, by pytest's names; empty, too, where it did not come to its end."""
    came_to_its_end = status.exists() and status.read_text().strip() == _SOME_FAILED
    return sorted(json.loads(cache.read_text())) if came_to_its_end and cache.exists() else []


def heard(tests: list[str]) -> bool:
    """Whether these pass, one after the other and each time. Many, or a whole file, are no matter of luck."""
    if not 0 < len(tests) <= _FEW or not all("::" in test for test in tests):
        return False
    asked = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    return all(subprocess.run(asked, check=False).returncode == 0 for _ in range(_TIMES))


def main() -> int:
    tests = failed()
    passed = heard(tests)
    for test in tests:
        print(f"{'SHAKY, passed alone' if passed else 'FAILED'}: {test}", flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
