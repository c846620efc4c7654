"""`POST /payments/{paymentId}/refunds`: 500 until it is done, for VTEX asks again for up to a day; then how it ended.

What would take longer is given back to the merchant in time (`refund-manually`), and only what never left.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

import httpx

from domain.commerce import amounts, dialect
from domain.commerce.dialect import Asking, Dialect
from domain.commerce.vocabulary import (
    ENDED,
    Outcome,
    SaidRefund,
    ShopAccess,
    ShopDone,
    ShopKind,
    ShopNews,
    ShopReply,
    Told,
    Why,
)
from domain.models.refunds import State
from domain.money import Money
from domain.pse.checking import CheckCode, Checked
from domain.pse.credentials import Field
from domain.pse.vocabulary import BadNotice, BadSignature, WebhookRequest

_VALUE: Final = "@value@"  # a JSON number has no text: it is put in as it is written
_HEADERS: Final = {"x-provider-api-appkey": "app_key", "x-provider-api-apptoken": "app_token"}
_MANUALLY: Final = "refund-manually"


class Vtex(Dialect):
    """A VTEX store, to which we are a payment provider."""

    kind: ClassVar[ShopKind] = ShopKind.VTEX
    asks: ClassVar[bool] = True
    strict: ClassVar[bool] = True
    gives_up_seconds: ClassVar[float | None] = 20 * 3_600.0  # VTEX asks for 24 hours
    fields: ClassVar[Sequence[Field]] = (
        Field("app_key", "App key", "what VTEX sends as X-PROVIDER-API-AppKey", secret=True),
        Field("app_token", "App token", "what VTEX sends as X-PROVIDER-API-AppToken", secret=True),
        Field("currency", "Currency", "of the store, such as BRL: a refund of VTEX's names none"),
    )

    def verify(self, came: WebhookRequest, access: ShopAccess, now: datetime) -> None:
        fits = [
            bool(access.secrets.get(name))
            and hmac.compare_digest(came.headers.get(header, "").encode(), access.secrets[name].encode())
            for header, name in _HEADERS.items()
        ]
        if not all(fits):
            raise BadSignature("The app key or token is not the one that was agreed.")

    def key_of(self, came: WebhookRequest) -> str:
        return dialect.needed(dialect.document(came), "requestId")

    def read(self, came: WebhookRequest, access: ShopAccess) -> Sequence[Told]:
        body = dialect.document(came)
        payment = dialect.needed(body, "paymentId")
        if payment not in came.path.split("/"):
            raise BadNotice("The path is of another payment than the body.")
        try:
            amount = amounts.money_of(body.get("value"), access.option("currency"))
        except amounts.NotMoney as error:
            raise BadNotice(f"value: {error}.") from None
        names = [name for key in ("tid", "transactionId") if (name := dialect.name_of(body, key)) is not None]
        why = Why.AMOUNT_UNCLEAR if body.get("recipients") else None
        because = "It names recipients of a split, which is refunded in parts." if why else ""
        return [
            SaidRefund(
                dialect.needed(body, "requestId"),
                payments=tuple(dict.fromkeys([payment, *names])),
                amount=amount,
                why=why,
                because=because,
            )
        ]

    def reply(self, told: Sequence[Told], news: ShopNews | None, replayed: bool) -> ShopReply:
        said = next((one for one in told if isinstance(one, SaidRefund)), None)
        payment = said.payments[0] if said else None
        body: dict[str, Any] = {
            "paymentId": payment,
            "refundId": None,
            "value": 0,
            "code": None,
            "message": None,
            "requestId": said.name if said else None,
        }
        if news is not None and news.given_up:
            return _reply(501, {**body, "code": _MANUALLY, "message": news.why or "It takes longer than VTEX waits."})
        if news is None or news.state not in ENDED:
            return _reply(500, {**body, "code": "pending", "message": "The refund is under way; ask again."})
        if news.state is State.SUCCEEDED:
            return _reply(200, {**body, "refundId": news.reference, "value": _VALUE}, news.amount)
        return _reply(200, {**body, "code": news.state.value.lower(), "message": news.why or "It was refused."})

    def auth(self, access: ShopAccess) -> httpx.Auth:
        return httpx.Auth()

    def check(self, access: ShopAccess, url: str | None) -> Asking[list[Checked]]:
        yield from ()
        return [dialect.unaskable(CheckCode.CREDENTIALS), dialect.unaskable(CheckCode.CALLBACK_REGISTERED)]

    def tell(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        yield from ()
        return ShopDone("VTEX hears it as the answer of its next question.")


def _reply(status: int, body: Mapping[str, Any], value: Money | None = None) -> ShopReply:
    written = json.dumps(body)
    if value is not None:
        written = written.replace(f'"{_VALUE}"', value.decimal())
    return ShopReply(status, written.encode(), "application/json")
