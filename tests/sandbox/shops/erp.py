"""An ERP that signs what it hands in by Standard Webhooks, and hears states by POST, checked by the same standard."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

SECRET = "whsec_" + base64.b64encode(b"a secret of the sandbox's ERP").decode()


class Erp:
    """`heard`: what it was told and believed, in order. `refuses`: statuses of its next answers."""

    def __init__(self, secret: str = SECRET) -> None:
        self.secret = secret
        self.heard: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.refuses: list[int] = []

    def routes(self) -> list[BaseRoute]:
        return [Route("/states", self._hear, methods=["POST"])]

    def signed(self, body: bytes | dict[str, Any], *, at: float | None = None) -> tuple[bytes, dict[str, str]]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        name, stamp = f"msg_{uuid4().hex}", str(int(time.time() if at is None else at))
        made = self._sign(name, stamp, raw)
        return raw, {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": made}

    def _sign(self, name: str, stamp: str, raw: bytes) -> str:
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        made = hmac.new(key, f"{name}.{stamp}.".encode() + raw, hashlib.sha256).digest()
        return f"v1,{base64.b64encode(made).decode()}"

    async def _hear(self, request: Request) -> Response:
        if self.refuses:
            return Response(status_code=self.refuses.pop(0))
        raw, name = await request.body(), request.headers["webhook-id"]
        stamp = request.headers["webhook-timestamp"]
        if abs(int(stamp) - time.time()) > 300 or request.headers["webhook-signature"] != self._sign(name, stamp, raw):
            return Response(status_code=401)
        self.ids.append(name)
        self.heard.append(json.loads(raw))
        return Response(status_code=204)
