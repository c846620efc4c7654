"""A receiver of Estorno's webhooks in Python: it verifies each with the official library and tells what it took.

Run as: SECRETS="whsec_..." python receiver.py; it says on its first line at which port of this machine it listens.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

_webhooks = [Webhook(secret) for secret in os.environ["SECRETS"].split(" ")]
_seen: set[str] = set()  # in your database, with the message itself


def verified(body: bytes, headers: dict[str, str]) -> Any:
    """The event; None: signed with another secret, forged, or too old."""
    for webhook in _webhooks:
        try:
            return webhook.verify(body.decode(), headers)
        except Exception:  # noqa: S112 - the library raises more than its own error for what is broken
            continue
    return None


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 for what is ours, stored once, and 401 for the rest."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        event = verified(body, headers)
        if event is not None and headers["webhook-id"] not in _seen:
            _seen.add(headers["webhook-id"])
            told = {"id": headers["webhook-id"], "type": event["type"], "data": event["data"]}
            print(json.dumps(told), flush=True)
        self.send_response(401 if event is None else 204)
        self.end_headers()

    def log_message(self, *said: Any) -> None:
        """Nothing: what was taken is the output."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    print(server.server_port, flush=True)
    server.serve_forever()
