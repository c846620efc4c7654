"""The signed intake: `POST /shops/{id}/refunds`, signed as Standard Webhooks are; ours is the layout of the body.

What became of it is read by GET at the same place, and told by a signed POST to the shop's `callback_url`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

import httpx

from domain.commerce import amounts, dialect, signing
from domain.commerce.dialect import Answered, Asking, Dialect
from domain.commerce.vocabulary import (
    NothingToUs,
    Outcome,
    SaidRefund,
    ShopAccess,
    ShopDone,
    ShopKind,
    ShopLater,
    ShopNews,
    ShopRefuses,
    ShopReply,
    Told,
)
from domain.models.refunds import State
from domain.pse.checking import CheckCode, Checked
from domain.pse.credentials import Field
from domain.pse.vocabulary import BadNotice, WebhookRequest

_TEXT_MAX: Final = 140
_GONE: Final = 410  # of a receiver: it wants to hear no more


class Generic(Dialect):
    """Whoever signs by Standard Webhooks."""

    kind: ClassVar[ShopKind] = ShopKind.GENERIC
    strict: ClassVar[bool] = True
    hears: ClassVar[frozenset[State]] = frozenset(State)
    fields: ClassVar[Sequence[Field]] = (
        Field("webhook_secret", "Shared secret", "whsec_ and base64 of 24 to 64 random bytes", secret=True),
        Field("callback_url", "Where states are posted to", "your own server; left out: you ask", optional=True),
    )

    def verify(self, came: WebhookRequest, access: ShopAccess, now: datetime) -> None:
        # A question has no body: what is signed of it is the place that it asks.
        content = came.body if came.method == "POST" else came.path.encode()
        signing.check_standard(dict(came.headers), _secrets(access), content, now)

    def key_of(self, came: WebhookRequest) -> str:
        body = dialect.document(came)
        name = _needed(body, "external_id")
        # That it is taken back is another message about the same refund; a trial is about none.
        if body.get("test") is True:
            return f"{name}/test"
        return f"{name}/canceled" if body.get("canceled") is True else name

    def read(self, came: WebhookRequest, access: ShopAccess) -> Sequence[Told]:
        body = dialect.document(came)
        order, payment = _within(body, "order"), _within(body, "payment")
        order_id, number = dialect.name_of(order, "id"), dialect.name_of(order, "number")
        payment_id = dialect.name_of(payment, "id")
        if order_id is None and number is None and payment_id is None:
            raise BadNotice("Neither order.id, order.number nor payment.id says which payment is meant.")
        amount = None
        if body.get("amount") is not None:
            try:
                amount = amounts.money_of(body["amount"], body.get("currency"))
            except amounts.NotMoney as error:
                raise BadNotice(f"amount: {error}.") from None
        if not isinstance(body.get("test", False), bool) or not isinstance(body.get("canceled", False), bool):
            raise BadNotice("test and canceled are true or false.")
        if body.get("test") is True:
            return [NothingToUs("A trial: it could be read, and nothing is done.")]
        return [
            SaidRefund(
                name=_needed(body, "external_id"),
                order=order_id,
                number=number,
                payments=(payment_id,) if payment_id else (),
                amount=amount,
                canceled=body.get("canceled", False),
                reason=_reason(body),
            )
        ]

    def reply(self, told: Sequence[Told], news: ShopNews | None, replayed: bool) -> ShopReply:
        status = 202 if news is None or news.state is None else 200
        return ShopReply(status, _written({"replayed": replayed, **_shown(told, news)}), "application/json")

    def auth(self, access: ShopAccess) -> httpx.Auth:
        return httpx.Auth()

    def check(self, access: ShopAccess, url: str | None) -> Asking[list[Checked]]:
        yield from ()
        try:
            known = all(24 <= len(signing.key_of(one)) <= 64 for one in _secrets(access))
        except ValueError:
            known = False
        if not known:
            said = "The shared secret is not whsec_ with base64 of 24 to 64 bytes."
            return [dialect.failed(CheckCode.CREDENTIALS, said, "Make a new one and give it to both sides.")]
        return [dialect.passed(CheckCode.CREDENTIALS, "The shared secret can be used."), _callback(access)]

    def tell(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        to = access.option("callback_url")
        if not to:
            return ShopDone("There is no callback_url: the shop asks.")
        body = _written({"type": f"refund.{news.stands.lower()}", **_shown((), news)})
        moment = news.at
        assert moment is not None, "What is told has a moment."
        # The same news has the same name, however often it is sent; that of a refund which was made again has another.
        name, seconds = f"shr_{news.id.hex}_{news.reference or 0}_{news.stands.lower()}", int(moment.timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(signing.standard(one, name, seconds, body) for one in _secrets(access)),
        }
        answered = yield httpx.Request("POST", to, content=body, headers=headers)
        return _outcome(answered)


def _callback(access: ShopAccess) -> Checked:
    to = access.option("callback_url")
    if not to:
        return dialect.unknown(CheckCode.CALLBACK_REGISTERED, "There is no callback_url: states are asked for.")
    return dialect.unknown(CheckCode.CALLBACK_REGISTERED, "The callback_url is known by its first message.")


def _secrets(access: ShopAccess) -> Sequence[str]:
    return [value for name, value in access.secrets.items() if name.startswith("webhook_secret")]


def _within(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name, {})
    if not isinstance(found, dict):
        raise BadNotice(f"{name} is no object.")
    return found


def _needed(body: Mapping[str, Any], name: str) -> str:
    found = dialect.name_of(body, name)
    if found is None:
        raise BadNotice(f"{name} is missing, or no text of 1 to {dialect.NAME_MAX} printable characters.")
    return found


def _reason(body: Mapping[str, Any]) -> str | None:
    reason = _within(body, "reason")
    text = reason.get("text") or reason.get("code")
    return text[:_TEXT_MAX] if isinstance(text, str) else None


def _shown(told: Sequence[Told], news: ShopNews | None) -> dict[str, Any]:
    if any(isinstance(one, NothingToUs) for one in told):
        return {"external_id": None, "state": "TEST", "refund": None}
    if news is None:
        names = [one.name for one in told if isinstance(one, SaidRefund)]
        return {"external_id": names[0] if names else None, "state": "RECEIVED", "refund": None}
    refund = None
    if news.state is not None:
        refund = {"id": str(news.refund_id), "reference": news.reference, "state": news.state.value}
        if news.amount is not None:
            refund |= {"amount": news.amount.decimal(), "currency": news.amount.currency}
    return {
        "external_id": news.name,
        "state": news.stands,
        "refund": refund,
        "why": news.why or None,
    }


def _written(found: Mapping[str, Any]) -> bytes:
    return json.dumps(found, sort_keys=True, separators=(",", ":")).encode()


def _outcome(answered: Answered) -> Outcome:
    if not isinstance(answered, httpx.Response):
        return ShopLater(f"{answered.code}: {answered.message}")
    if answered.status_code < 300:
        return ShopDone(f"It answered {answered.status_code}.")
    if answered.status_code == _GONE:
        return ShopRefuses("The receiver answered 410: it wants to hear no more.")
    return ShopLater(f"It answered {answered.status_code}.")
