"""The tests' hand on a running sandbox."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class SandboxClient:
    """Asks the admin API of one PSE of the sandbox at `url`."""

    url: str
    http: httpx.AsyncClient
    pse: str = "pix"

    def at(self, pse: str) -> "SandboxClient":
        """The same hand at another PSE."""
        return replace(self, pse=pse)

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = await self.http.post(f"{self.url}/_admin/{self.pse}/{path}", json=body)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        answer = await self.http.get(f"{self.url}/_admin/{self.pse}/{path}", params=query)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    async def capture(
        self,
        amount: int = 10_000,
        *moods: str,
        at: datetime | None = None,
        seconds: float | None = None,
        key: str = "sp@loja",
        **more: Any,
    ) -> str:
        """The PSE's reference of a fresh payment whose refund requests meet these moods, one after the other."""
        wanted = {
            "amount": amount,
            "key": key,
            "order": "tx" + "0" * 26,
            "moods": [{"name": mood, **({} if seconds is None else {"seconds": seconds})} for mood in moods],
            **({"captured_at": at.isoformat()} if at else {}),
            **more,
        }
        made: str = (await self.post("payments", payments=[wanted]))["payments"][0]
        return made

    async def paid(self, payment: str) -> int:
        """What has left for this payment by its own refunds, less what came back: the oracle's word, in minor units."""
        movements = (await self.get("log"))["movements"]
        signs = {"REFUND": 1, "RETURN": -1}
        return sum(signs.get(row["kind"], 0) * row["amount"] for row in movements if row["payment"] == payment)

    async def refund_requests(self, payment: str) -> int:
        """How many refund requests for this payment arrived."""
        asked = (await self.get("requests"))["requests"]
        return sum(row["method"] != "GET" and row["payment"] == payment for row in asked)
