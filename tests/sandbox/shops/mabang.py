"""Mabang's gateway: one address, each call signed over its very bytes, lists by cursor."""

import hashlib
import hmac
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

KEY = "mabang-key-of-the-sandbox"


class MabangErp:
    """One merchant's ERP. `page`: rows of one answer."""

    def __init__(self, page: int = 2) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[dict[str, Any]] = []
        self._page = page

    def routes(self) -> list[BaseRoute]:
        return [Route("/api/v2", self._call, methods=["POST"])]

    async def _call(self, request: Request) -> Response:
        raw = await request.body()
        wanted = hmac.new(KEY.encode(), raw, hashlib.sha256).hexdigest()
        if request.headers.get("authorization") != wanted:
            return JSONResponse({"code": "401", "message": "sign error", "data": None})  # with status 200
        body = json.loads(raw)
        self.asked.append(body)
        rows = self.rows.get(body["api"], [])
        first = int(body["data"].get("cursor", 0))
        until = first + self._page
        data = {"data": rows[first:until], "hasNext": str(until < len(rows)).lower(), "nextCursor": str(until)}
        return JSONResponse({"code": "200", "message": "success", "data": data})
