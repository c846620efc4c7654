"""Stripe's API as its official clients speak it: refunds, charges, payment intents, report runs, signed events.

A payment is named by its payment intent, or by its charge where it was made without one ("reference": "ch_...").
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.books import Books, Payment, Refund, Refused
from tests.sandbox.server import Hook, Mood, PseServer
from tests.sandbox.stripe import objects, report
from tests.sandbox.stripe.account import Account
from tests.sandbox.stripe.objects import list_of, status_of
from tests.sandbox.stripe.refusals import error, invalid, missing, new_id, refusal_of

PREFIX = "/stripe"  # the clients' own paths begin with /v1
API_KEY = "sk_test_sandbox"
WEBHOOK_SECRET = "whsec_sandbox"
_TYPES = {"CARD": "card", "PIX": "pix", "BOLETO": "boleto", "OXXO": "oxxo", "BANK_TRANSFER": "customer_balance"}
_EXPAND = re.compile(r"expand\[[0-9]*\]")


class StripeServer(PseServer):
    """One account. The same Idempotency-Key gives the stored answer again, and never another refund."""

    name = "stripe"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self._replays: dict[str, tuple[list[tuple[str, str]], Response]] = {}
        self._runs: dict[str, dict[str, Any]] = {}
        self._account = Account(self, API_KEY)
        self._paid: set[int] = set()  # movements that a report has told

    def new_payment(self, wanted: Mapping[str, Any], captured_at: datetime) -> Payment:
        kind = _TYPES[wanted.get("method", "CARD")]
        reference = wanted.get("reference") or new_id("pi")
        by_intent = reference.startswith("pi_")
        charge = new_id("ch" if kind == "card" else "py") if by_intent else reference
        return Payment(
            reference=reference,
            amount=wanted["amount"],
            currency=wanted.get("currency", "MXN"),
            method=wanted.get("method", "CARD"),
            captured_at=captured_at,
            key=wanted.get("key", "stripe"),
            order=wanted.get("order"),
            facts={
                "type": kind,
                "charge": charge,
                "payment_intent": reference if by_intent else None,
                "authorised": wanted.get("authorised", wanted["amount"]),
            },
        )

    def admin(self) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
        """panel-cancel {"payment", "refund"}: somebody cancels a pending refund in the Dashboard."""
        return {"panel-cancel": self.panel_cancel}

    async def panel_cancel(self, request: Request) -> Response:
        body = await request.json()
        payment = self.books.payments[body["payment"]]
        refund = payment.refunds[body["refund"]]
        assert refund.status == "PENDING", "Only a refund that has not left can be canceled."
        refund.facts["canceled"] = True
        self.refuse(payment, refund)
        return JSONResponse({})

    def play(self, mood: Mood, payment: Payment, refund: Refund) -> None:
        """A card's refund waits for a balance that is too low; other methods' fail."""
        if mood["name"] == "ok" and payment.facts["type"] == "card" and refund.amount > self.books.balance:
            refund.facts["pending_reason"] = "insufficient_funds"
            return
        super().play(mood, payment, refund)

    def routes(self) -> list[BaseRoute]:
        v1 = PREFIX + "/v1"
        return [
            Route(v1 + "/refunds", self._guarded(self.create), methods=["POST"]),
            Route(v1 + "/refunds", self._guarded(self.list_refunds), methods=["GET"]),
            Route(v1 + "/refunds/{id}", self._guarded(self.retrieve), methods=["GET"]),
            Route(v1 + "/refunds/{id}", self._guarded(self.update), methods=["POST"]),
            Route(v1 + "/refunds/{id}/cancel", self._guarded(self.cancel), methods=["POST"]),
            Route(v1 + "/charges/{id}", self._guarded(self.charge), methods=["GET"]),
            Route(v1 + "/payment_intents/{id}", self._guarded(self.payment_intent), methods=["GET"]),
            Route(v1 + "/account", self._guarded(self._account.me), methods=["GET"]),
            Route(v1 + "/country_specs/{country}", self._guarded(self._account.country), methods=["GET"]),
            Route(v1 + "/webhook_endpoints", self._guarded(self._account.endpoints), methods=["GET"]),
            Route(v1 + "/reporting/report_types/{name}", self._guarded(self._account.report_type), methods=["GET"]),
            Route(v1 + "/reporting/report_runs", self._guarded(self.create_run), methods=["POST"]),
            Route(v1 + "/reporting/report_runs/{id}", self._guarded(self.retrieve_run), methods=["GET"]),
            Route(v1 + "/files/{id}/contents", self._guarded(self.file), methods=["GET"]),
        ]

    def _guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        """Only who has the key gets an answer; every answer has the request's id."""

        async def guarded(request: Request) -> Response:
            if (refused := self._account.refused(request)) is not None:
                return invalid(refused[1], status=refused[0])
            response: Response = await answer(request)
            response.headers.setdefault("request-id", new_id("req"))
            return response

        return guarded

    def unavailable(self) -> Response:
        return error(503, "api_error", "Stripe is not available.")

    def rate_limited(self) -> Response:
        answer = invalid("Too many requests.", "rate_limit", status=429)
        answer.headers["stripe-should-retry"] = "true"
        return answer

    def internal(self) -> Response:
        return error(500, "api_error", "An unknown error occurred.")

    # Refunds

    async def create(self, request: Request) -> Response:
        raw = await request.body()
        form = httpx.QueryParams(raw.decode())
        payment = self._payment_of(form)
        self.note("POST", payment.reference if payment else "", form.get("metadata[estorno_reference]"), raw)
        mood = self.mood_of(payment)
        key = request.headers.get("idempotency-key")
        return await self.by_mood(mood, lambda: self._once(key, form, lambda: self._create(mood, payment, form)))

    def _once(self, key: str | None, form: httpx.QueryParams, make: Callable[[], Response]) -> Response:
        if key is None:
            return make()
        asked = sorted(form.multi_items())
        if key not in self._replays:
            self._replays[key] = (asked, make())
            return self._replays[key][1]
        before, answer = self._replays[key]
        if before != asked:
            said = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            return error(400, "idempotency_error", said)
        answer.headers["idempotent-replayed"] = "true"
        return answer

    def _payment_of(self, form: httpx.QueryParams) -> Payment | None:
        for name in ("payment_intent", "charge"):
            if name in form:
                found = (one for one in self.books.payments.values() if one.facts[name] == form[name])
                return next(found, None)
        return None

    def _create(self, mood: Mood, payment: Payment | None, form: httpx.QueryParams) -> Response:
        refused = refusal_of(payment, form)
        if refused is not None:
            return refused
        assert payment is not None, "It was just checked."
        amount = int(form.get("amount") or payment.amount - payment.spoken_for)
        if amount > 0 and payment.spoken_for == payment.amount:
            said = f"Charge {payment.facts['charge']} has already been refunded."
            return invalid(said, "charge_already_refunded")
        metadata = {name[9:-1]: value for name, value in form.items() if name.startswith("metadata[")}
        facts = {"metadata": metadata, "reason": form.get("reason"), "email": form.get("instructions_email")}
        prefix = "re" if payment.facts["type"] == "card" else "pyr"
        try:
            name = _free_name(payment, metadata.get("estorno_reference") or new_id("free"))
            refund = self.books.open_refund(payment, name, amount, lambda _: new_id(prefix), facts=facts)
        except Refused as no:
            return invalid(str(no), param="amount")
        self.play(mood, payment, refund)
        return JSONResponse(objects.refund_of(payment, refund))

    def _found(self, name: str) -> tuple[Payment, Refund] | None:
        for payment in self.books.payments.values():
            for refund in payment.refunds.values():
                if refund.id == name and not self.hidden(refund):
                    return payment, refund
        return None

    async def retrieve(self, request: Request) -> Response:
        self.note("GET", "", request.path_params["id"])
        found = self._found(request.path_params["id"])
        return JSONResponse(objects.refund_of(*found)) if found else missing("refund", request.path_params["id"])

    async def update(self, request: Request) -> Response:
        """Only the metadata can be changed."""
        found = self._found(request.path_params["id"])
        if found is None:
            return missing("refund", request.path_params["id"])
        form = httpx.QueryParams((await request.body()).decode())
        found[1].facts["metadata"] |= {name[9:-1]: value for name, value in form.items()}
        return JSONResponse(objects.refund_of(*found))

    async def cancel(self, request: Request) -> Response:
        """Only a refund that waits for the customer can be canceled."""
        found = self._found(request.path_params["id"])
        if found is None:
            return missing("refund", request.path_params["id"])
        payment, refund = found
        if objects.refund_of(payment, refund)["status"] != "requires_action":
            return invalid("Only a refund with status requires_action can be canceled.")
        refund.facts["canceled"] = True
        self.refuse(payment, refund)
        return JSONResponse(objects.refund_of(payment, refund))

    async def list_refunds(self, request: Request) -> Response:
        query = request.query_params
        named = self._payment_of(httpx.QueryParams(dict(query)))
        self.note("GET", named.reference if named else "", None)
        if ("charge" in query or "payment_intent" in query) and named is None:
            return missing("charge" if "charge" in query else "payment_intent", "")
        payments = [named] if named else list(self.books.payments.values())
        found = [(one, refund) for one in payments for refund in one.refunds.values() if not self.hidden(refund)]
        found.sort(key=lambda pair: pair[1].requested_at, reverse=True)
        if "starting_after" in query:
            names = [refund.id for _, refund in found]
            found = found[names.index(query["starting_after"]) + 1 :]
        limit = int(query.get("limit", "10"))
        listed = [objects.refund_of(*pair) for pair in found[:limit]]
        return JSONResponse(list_of(listed, "/v1/refunds", has_more=len(found) > limit))

    # Payments

    async def charge(self, request: Request) -> Response:
        if (trouble := self.trouble()) is not None:
            return trouble
        payment = self._payment_of(httpx.QueryParams({"charge": request.path_params["id"]}))
        if payment is None or payment.facts.get("elsewhere"):
            return missing("charge", request.path_params["id"])
        return JSONResponse(objects.charge_of(payment, _expanded(request)))

    async def payment_intent(self, request: Request) -> Response:
        if (trouble := self.trouble()) is not None:
            return trouble
        payment = self._payment_of(httpx.QueryParams({"payment_intent": request.path_params["id"]}))
        if payment is None or payment.facts.get("elsewhere"):
            return missing("payment_intent", request.path_params["id"])
        expand = [one.removeprefix("latest_charge.") for one in _expanded(request)]
        charge: object = objects.charge_of(payment, expand) if expand else payment.facts["charge"]
        body = {"id": payment.reference, "object": "payment_intent", "amount": payment.amount, "status": "succeeded"}
        return JSONResponse({**body, "currency": payment.currency.lower(), "latest_charge": charge})

    # Reports

    async def create_run(self, request: Request) -> Response:
        """Made when it is asked for the second time."""
        form = httpx.QueryParams((await request.body()).decode())
        try:
            start, end = (int(form[f"parameters[interval_{name}]"]) for name in ("start", "end"))
        except (KeyError, ValueError):
            return invalid("Missing required param: parameters[interval_start].", param="parameters")
        if form.get("report_type") != report.REPORT_TYPE or start >= end:
            return invalid("No such report type, or an empty interval.", param="report_type")
        columns = [value for name, value in form.multi_items() if name.startswith("parameters[columns]")]
        run = {
            "id": new_id("frr"),
            "object": "reporting.report_run",
            "created": int(time.time()),
            "error": None,
            "livemode": False,
            "parameters": {"interval_start": start, "interval_end": end, "columns": columns, "timezone": "Etc/UTC"},
            "report_type": form["report_type"],
            "result": None,
            "status": "pending",
            "succeeded_at": None,
        }
        self._runs[str(run["id"])] = run
        return JSONResponse(run)

    async def retrieve_run(self, request: Request) -> Response:
        run = self._runs.get(request.path_params["id"])
        if run is None:
            return missing("report run", request.path_params["id"])
        shown = dict(run)
        if run["status"] == "pending":
            name = f"file_{run['id']}"
            host = request.headers["host"]
            url = f"{request.url.scheme}://{host}{PREFIX}/v1/files/{name}/contents"
            file = {"id": name, "object": "file", "purpose": "finance_report_run", "type": "csv", "url": url}
            run |= {"status": "succeeded", "succeeded_at": int(time.time()), "result": file}
        return JSONResponse(shown)

    async def file(self, request: Request) -> Response:
        run = self._runs.get(request.path_params["id"].removeprefix("file_"))
        if run is None:
            return missing("file", request.path_params["id"])
        return Response(report.written(self.books, run["parameters"], self._paid), media_type="text/csv")

    def held(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """What a report tells was paid out."""
        held: dict[str, int] = {}
        out: dict[str, int] = {}
        for number, one in enumerate(self.books.log):
            place = out if number in self._paid else held
            place[one.currency] = place.get(one.currency, 0) + report.net(self.books, one)
        return held, out

    # Webhooks

    def hooks(self, url: str, payment: Payment, refund: Refund) -> list[Hook]:
        status = status_of(payment, refund)
        kinds = ["refund.failed", "charge.refund.updated"] if status == "failed" else ["refund.updated"]
        made = [self._event(kind, objects.refund_of(payment, refund)) for kind in kinds]
        if status == "succeeded":
            made.append(self._event("charge.refunded", objects.charge_of(payment, [])))
        return [Hook(url, body, {"content-type": "application/json", **signed(body)}) for body in made]

    def _event(self, kind: str, about: dict[str, Any]) -> bytes:
        """The same news are the same event, however often it is sent."""
        told = json.dumps([kind, about], sort_keys=True).encode()
        event = {
            "id": f"evt_{hashlib.sha256(told).hexdigest()[:24]}",
            "object": "event",
            "api_version": "2026-06-24.dahlia",
            "created": int(datetime.now(UTC).timestamp()),
            "data": {"object": about},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        return json.dumps(event, indent=2).encode()


def _expanded(request: Request) -> list[str]:
    """`expand[]=…` of the Python client, `expand[0]=…` of the one for Node."""
    return [value for name, value in request.query_params.multi_items() if _EXPAND.fullmatch(name)]


def signed(body: bytes, *, secret: str = WEBHOOK_SECRET, at: int | None = None) -> dict[str, str]:
    """The header Stripe-Signature, with the digest of an old scheme beside it as Stripe sends in test mode."""
    moment = int(time.time()) if at is None else at
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={moment},v1={mac},v0={mac[::-1]}"}


def _free_name(payment: Payment, wanted: str) -> str:
    # Metadata bind nobody: without its key the same order is another refund.
    return wanted + "x" * sum(name.startswith(wanted) for name in payment.refunds)
