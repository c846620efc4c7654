"""What a child process writes is for us alone to read."""

import sys
from pathlib import Path

from jobs.machine.children import Child


def test_a_log_file_is_readable_by_us_alone_also_one_that_was_not(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "child.log"
    child = Child("child", [sys.executable, "-c", "print('said')"], log=log)
    child.start()
    assert child.process is not None
    child.process.wait()
    assert log.stat().st_mode & 0o777 == 0o600
    log.chmod(0o644)
    child.start()
    child.process.wait()
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.read_text() == "said\nsaid\n"
