"""`python -m tests.sandbox --port P [--log FILE]`: the PSEs' side of the wire, on 127.0.0.1 unless told otherwise."""

import argparse
from pathlib import Path

import uvicorn

from tests.sandbox.app import create


def main() -> None:
    parser = argparse.ArgumentParser(prog="estorno sandbox")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--log", type=Path, default=None)
    given = parser.parse_args()
    app = create(given.log)
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning", access_log=False, date_header=False)


if __name__ == "__main__":
    main()
