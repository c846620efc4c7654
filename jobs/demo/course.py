"""The demo day as it goes: its stage, its clients, and what was promised and did not happen."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx
from rich.console import Console

from domain.access.tokens import Role
from domain.platform.settings import Settings
from jobs.demo.client import Client
from jobs.demo.stage import Stage


@dataclass(slots=True)
class Day:
    """The day as it goes: what was promised and did not happen is in `broken`."""

    stage: Stage
    settings: Settings
    http: httpx.AsyncClient
    console: Console
    broken: list[str] = field(default_factory=list)
    followers: list[asyncio.Task[None]] = field(default_factory=list)

    def client(self, role: Role) -> Client:
        """A GraphQL client that has this role."""
        addresses = self.stage.addresses
        return Client(self.http, addresses.graphql_url, addresses.websocket_url, self.stage.tokens[role])

    def expect(self, holds: bool, promise: str) -> None:
        """Print whether a promise holds; one that does not ends the demo with an error."""
        self.console.print(f"  [green]✓[/] {promise}" if holds else f"  [bold red]✗ {promise}[/]")
        if not holds:
            self.broken.append(promise)

    async def sandbox(self, path: str, body: dict[str, Any], *, pse: str = "pix") -> dict[str, Any]:
        """Tell a PSE's sandbox what to do, and get its answer. Raises httpx.HTTPStatusError."""
        answer = await self.http.post(f"{self.stage.addresses.sandbox_url}/_admin/{pse}/{path}", json=body)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told
