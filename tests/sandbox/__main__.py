"""`python -m tests.sandbox --port P [--log FILE] [--smtp P]`: the other side of the wire, on 127.0.0.1 if not told."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.routing import BaseRoute

from tests.sandbox.app import create


def main() -> None:
    parser = argparse.ArgumentParser(prog="estorno sandbox")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--log", type=Path, default=None)
    more = "A port at which mail is taken; and a shop, robots and a receiver are there, too."
    parser.add_argument("--smtp", type=int, default=None, help=more)
    given = parser.parse_args()
    with _around(given.smtp) as around:
        app = create(given.log, around)
        uvicorn.run(app, host=given.host, port=given.port, log_level="warning", access_log=False, date_header=False)


@contextmanager
def _around(smtp: int | None) -> Iterator[Sequence[BaseRoute]]:
    if smtp is None:
        yield ()
        return
    # What these want is not in the image of the sandbox, which plays PSEs alone.
    from tests.sandbox.around import Around
    from tests.sandbox.channels.mail import Relay, served

    with served(Relay(), smtp) as relay:
        yield Around(relay).routes()


if __name__ == "__main__":
    main()
