"""`tests.kit.nursery SOCKET PATH...`, a fork of the zygote: has imported the tests below the paths, and forks workers.

Each worker of pytest-xdist would import all of them anew. Our programs are not forked from here: what the tests change
in libraries as they are imported is none of theirs.
"""

import gc
import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.kit.zygote import Zygote, run

_CHECKOUT: Final = Path(__file__).resolve().parents[2]


class Imports:
    """Takes the place of a session: with pytest's hand on what is imported, for its assertions tell more."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self) -> int:
        """What cannot be imported is told by the workers, who try again."""
        for name in self._modules():
            try:
                importlib.import_module(name)
            except (Exception, pytest.skip.Exception):
                sys.modules.pop(name, None)
        return 0

    def _modules(self) -> Iterator[str]:
        for told in self._paths:
            path = (_CHECKOUT / told.split("::")[0]).resolve()
            for file in sorted(path.rglob("test_*.py")) if path.is_dir() else [path]:
                yield ".".join(file.relative_to(_CHECKOUT).with_suffix("").parts)


def main(path: str, paths: Sequence[str]) -> None:
    """Never comes back, but in each fork, to be what was wished for."""
    gc.disable()
    pytest.main(["-p", "no:cacheprovider", *paths], plugins=[Imports(paths)])
    gc.collect()
    gc.freeze()  # what a fork never writes to stays one for all
    gc.enable()
    run(Zygote(path).serve())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
