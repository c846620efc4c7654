"""A small world: a shop, its database, the sandbox over real HTTP, and the worker's own steps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.webhooks import pses
from domain.models import Payment, Refund
from domain.models.refunds import State
from domain.platform.database import rows
from domain.platform.settings import Settings
from domain.pse.vocabulary import Method
from domain.refunds import schedule
from jobs import notices, refunds
from jobs.machine.ports import free_port
from jobs.wire.sender import Sender, sender
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import KEY, OwnerRows, Shop, a_payment, a_shop, sent_earlier
from tests.kit.lab_connector import Lab
from tests.kit.loopback import SERVED
from tests.sandbox.app import create
from tests.sandbox.client import SandboxClient
from tests.sandbox.server import TLS

_STEPS_MAX = 200
_PAUSE_SECONDS = 0.03


def quick_settings(**changed: Any) -> Settings:
    """Settings of a test: short limits, the tests' own key, and no rates, for all of a test comes from one address."""
    quick = {"send_limit_seconds": 1.0, "job_timeout_seconds": 2.0, "lease_seconds": 4.0}
    per = ("rate_per_token", "rate_per_address", "rate_per_link", "rate_per_webhook")
    pages = ("rate_sign_in", "rate_customer_pages", "rate_customer_tokens")
    kinds = (*per, *pages, "rate_new_documents", "rate_merchant_documents")
    rates = dict.fromkeys(kinds, 0)
    private = {"private_hosts": tuple(sorted(SERVED))}  # for programs that are started: the sandbox of the test
    return Settings(**{"secret_key": KEY, **quick, **rates, **private, **changed})


def configuration(app: Any, port: int, **more: Any) -> uvicorn.Config:
    """uvicorn's for a test, where a client of ours never sends into a connection that is being closed as idle."""
    patient = {"timeout_keep_alive": 600, "timeout_graceful_shutdown": 1}  # seconds; httpx gives up after five
    return uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, **{**patient, **more})


@asynccontextmanager
async def served(app: Any, scheme: str = "http", **more: Any) -> AsyncIterator[str]:
    """The application behind a real socket of 127.0.0.1; its address. `more` goes to uvicorn."""
    port = free_port()
    config = configuration(app, port, **more)
    SERVED.add(f"127.0.0.1:{port}")
    try:
        async with running(config):
            yield f"{scheme}://127.0.0.1:{port}"
    finally:
        SERVED.remove(f"127.0.0.1:{port}")


@asynccontextmanager
async def running(config: uvicorn.Config) -> AsyncIterator[None]:
    """Serve until the block is left."""
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if serving.done():
                serving.result()
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def a_sandbox() -> AsyncIterator[SandboxClient]:
    async with served(create(), date_header=False) as url, httpx.AsyncClient(timeout=10, verify=TLS) as http:
        yield SandboxClient(url, http)


async def a_shop_at(sandbox: SandboxClient) -> Shop:
    """A shop whose account is at the sandbox's PSE."""
    account = ACCOUNTS[sandbox.pse]
    return await a_shop(
        pse=sandbox.pse,
        base_url=f"{sandbox.url}{account.path}",
        token_url=f"{sandbox.url}{account.token_path}" if account.token_path else None,
        report_url=f"{sandbox.url}{account.report_path}" if account.report_path else None,
        client_id=account.client_id,
        secrets=account.secrets,
    )


async def set_abilities(sandbox: SandboxClient, lab: Lab) -> None:
    """Give the laboratory PSE the abilities that its connector believes in."""
    key = lab.able.key_lifetime is not None
    await sandbox.at("lab").post("abilities", key=key, look_up=lab.able.look_up.value)


@dataclass(frozen=True, slots=True)
class World:
    """What a test of the worker plays with."""

    shop: Shop
    sandbox: SandboxClient
    sender: Sender
    settings: Settings
    payments: list[UUID] = field(default_factory=list, kw_only=True)  # that were made here

    async def payment(
        self,
        *moods: str,
        amount: int = 10_000,
        seconds: float | None = None,
        at_pse: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Payment:
        """A payment that both sides know. `at_pse`: what the PSE has otherwise than is registered."""
        account = ACCOUNTS[self.sandbox.pse]
        facts = {"method": Method(account.method), "currency": account.currency, **more}
        told = {"method": facts["method"].value, "currency": facts["currency"], "order": facts.get("order")}
        told = {name: value for name, value in told.items() if value is not None}
        told |= {"webhook_moods": facts.pop("webhook_moods", [])}
        told = {"amount": amount, **told, **(at_pse or {})}
        reference = await self.sandbox.capture(told.pop("amount"), *moods, seconds=seconds, **told)
        payment = await a_payment(self.shop, amount=amount, reference=reference, **facts)
        self.payments.append(payment.id)
        return payment

    async def step(self, refund: Refund) -> Refund:
        """One step of the worker, now; a snapshot before the first send is not a step of its own."""
        await schedule.postpone(refund.id, 0)
        before = await Refund.get(id=refund.id)
        await refunds.step(refund.id, self.sender, self.settings)
        after = await Refund.get(id=refund.id)
        if before.known_before is None and after.known_before is not None:
            await refunds.step(refund.id, self.sender, self.settings)
        return await Refund.get(id=refund.id)

    async def finish(
        self, refund: Refund, owner_rows: OwnerRows | None = None, *, wait_for: State | None = None
    ) -> Refund:
        """Steps, and webhooks as they come, until nothing more is expected, without waiting for the schedule.

        `owner_rows`: make each of its sends a minute old, so that a PSE's "unknown" is believed. `wait_for`: a state
        to reach.
        """
        for _ in range(_STEPS_MAX):
            await self.apply_notices()
            refund = await Refund.get(id=refund.id)
            if refund.needs_person_since is not None:
                return refund
            if refund.state is wait_for or (refund.due_at is None and wait_for is None):
                return refund
            if refund.due_at is not None:
                if owner_rows is not None:
                    await sent_earlier(owner_rows, "1 minute", refund)
                await self.step(refund)
            await asyncio.sleep(_PAUSE_SECONDS)
        raise AssertionError(f"The refund is still {refund.state} after {_STEPS_MAX} steps.")

    async def apply_notices(self) -> None:
        """What the worker does with webhooks that are due."""
        for row in await rows(
            "SELECT id FROM notices WHERE due_at <= now() AND applied_at IS NULL ORDER BY received_at"
        ):
            await notices.apply(row["id"], self.sender)

    async def name_of(self, payment: Payment) -> str:
        """What the PSE calls the payment's newest refund."""
        refund = await Refund.filter(payment_id=payment.id).order_by("-created_at").first()
        assert refund is not None, "Nothing was refunded yet."
        return refund.pse_refund_reference or refund.reference

    async def until_paid(self, payment: Payment, amount: int) -> None:
        """Wait until that much has left at the PSE."""
        for _ in range(_STEPS_MAX):
            if await self.sandbox.paid(payment.pse_reference) == amount:
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        raise AssertionError("The money did not leave.")


Lay = Callable[[Lab], Awaitable[World]]  # makes a world around a laboratory PSE


@dataclass(frozen=True, slots=True)
class Posts:
    """The bodies of the webhooks that a listener of the test's own has heard, as they came."""

    bodies: list[bytes]

    async def until(self, count: int) -> None:
        """Wait until so many have come."""
        for _ in range(_STEPS_MAX):
            if len(self.bodies) >= count:
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        raise AssertionError(f"{len(self.bodies)} of {count} webhooks came.")


@asynccontextmanager
async def heard() -> AsyncIterator[tuple[str, Posts]]:
    """An address that keeps every webhook and answers 200, and what it has heard."""
    posts = Posts([])

    async def keep(request: Request) -> Response:
        posts.bodies.append(await request.body())
        return Response()

    async with served(Starlette(routes=[Route("/heard", keep, methods=["POST"])])) as url:
        yield f"{url}/heard", posts


@asynccontextmanager
async def our_door(settings: Settings) -> AsyncIterator[Settings]:
    """Our webhook address behind a real socket; the settings that tell it to others."""
    app = Starlette(routes=[Route(path, pses.receive, methods=["POST"]) for path in pses.PATHS])
    async with served(app) as url:
        app.state.settings = settings = settings.with_(public_url=url)
        yield settings


async def show_door(sandbox: SandboxClient, shop: Shop, settings: Settings) -> None:
    """Tell the sandbox's PSE where the shop's webhooks go."""
    address = f"{settings.webhook_url(shop.connection.id)}{ACCOUNTS[sandbox.pse].hook}"
    await sandbox.post("webhooks", key="sp@loja", url=address)


@asynccontextmanager
async def listening(sandbox: SandboxClient, shop: Shop, settings: Settings) -> AsyncIterator[Settings]:
    """Our webhook address behind a real socket, known to the sandbox's PSE; the settings that tell it to others."""
    async with our_door(settings) as known:
        await show_door(sandbox, shop, known)
        yield known


@asynccontextmanager
async def a_world(at_pse: SandboxClient) -> AsyncIterator[World]:
    """A shop at the sandbox's PSE, whose webhooks reach us over a real socket."""
    settings = quick_settings()
    shop = await a_shop_at(at_pse)
    async with (
        sender(settings.secret_key, settings.send_limit_seconds) as sending,
        listening(at_pse, shop, settings) as known,
    ):
        yield World(shop, at_pse, sending, known)
