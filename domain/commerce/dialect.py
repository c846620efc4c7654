"""What every shop's dialect can be asked. A dialect is pure: it builds requests and reads answers, and sends nothing.

What is asked of a shop is a generator that yields requests and is sent answers, as a PSE's questions are.
"""

import hashlib
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, TypeVar

import httpx

from domain.commerce.vocabulary import (
    NothingToUs,
    Outcome,
    Polled,
    SaidRefund,
    ShopAccess,
    ShopDone,
    ShopKind,
    ShopNews,
    ShopRefuses,
    ShopReply,
    Told,
)
from domain.models.refunds import State
from domain.pse.checking import CheckCode, Checked, CheckOutcome
from domain.pse.credentials import Field
from domain.pse.kit import exact
from domain.pse.vocabulary import BadNotice, InDoubt, Unsent, WebhookRequest

T = TypeVar("T")
Answered = httpx.Response | Unsent | InDoubt
Asking = Generator[httpx.Request, Answered, T]
MARK: Final = "estorno:"  # before our reference, in whatever text of a shop's refund carries it
NAME_MAX: Final = 100
_TOO_MANY: Final = 429
_REST_MAX: Final = 3_600.0  # seconds: who wants to be left alone for longer is asked again all the same


class NoAnswer(Exception):
    """A shop did not answer a question, or not so that it can be used: it is asked again later.

    `seconds`: as long as it wants to be left alone.
    """

    def __init__(self, said: str, seconds: float = 0.0) -> None:
        super().__init__(said)
        self.seconds = seconds


class TooYoung(NoAnswer):
    """It answered, and what it says is not to be acted upon yet: it is asked again in a while."""


class Dialect:
    """One kind of shop. What is here is what a shop has that tells us nothing and wants to be told nothing."""

    kind: ClassVar[ShopKind]
    fields: ClassVar[Sequence[Field]] = ()  # all but the secrets are shown
    asks: ClassVar[bool] = False  # it asks and waits: what we answer is final there
    strict: ClassVar[bool] = False  # what cannot be read is refused, and not kept
    poll_seconds: ClassVar[float | None] = None  # None: it is not polled
    overlap_seconds: ClassVar[float] = 1_800.0
    hears: ClassVar[frozenset[State]] = frozenset(
        {State.SUCCEEDED, State.FAILED, State.REJECTED, State.CANCELED, State.EXPIRED, State.RETURNED}
    )
    records: ClassVar[bool] = False  # refunds that did not begin in the shop can be recorded there
    gives_up_seconds: ClassVar[float | None] = None  # after which it asks no more
    # For how long its own gateway may be at work on a refund that it shows already; that it was, it says afterwards.
    gateway_seconds: ClassVar[float | None] = None
    # Its names begin with the list that they are of ("return:1"), and one refund may stand in several.
    lists: ClassVar[bool] = False
    deletes: ClassVar[bool] = False  # a refund that is not among its order's any more was taken back

    def verify(self, came: WebhookRequest, access: ShopAccess, now: datetime) -> None:
        """Raises BadSignature, KeyWanted."""
        raise NotImplementedError

    def greeting(self, came: WebhookRequest) -> ShopReply | None:
        """What is answered to a platform that only wants to know that we are here; nothing is stored of it."""
        return None

    def key_of(self, came: WebhookRequest) -> str:
        """What makes a message the same as one before: never a header, which nobody has signed."""
        return hashlib.sha256(came.body).hexdigest()

    def read(self, came: WebhookRequest, access: ShopAccess) -> Sequence[Told]:
        """What it tells. Raises BadNotice."""
        return [NothingToUs("It is not listened to.")]

    def reply(self, told: Sequence[Told], news: ShopNews | None, replayed: bool) -> ShopReply:
        """What is answered once it is stored. `news`: how the refund stands that it names, if there is one."""
        return ShopReply(200)

    def auth(self, access: ShopAccess) -> httpx.Auth:
        """How a request to the shop proves who we are. Each dialect has its own; here NotImplementedError."""
        raise NotImplementedError

    def check(self, access: ShopAccess, url: str | None) -> Asking[list[Checked]]:
        """Who are we there, what may we, does it tell us (at `url`)."""
        yield from ()
        return [unaskable(CheckCode.CREDENTIALS)]

    def poll(self, access: ShopAccess, since: datetime, until: datetime) -> Asking[Polled]:
        """All refunds that changed in between. Raises NoAnswer."""
        yield from ()
        return Polled([])

    def look(self, access: ShopAccess, order: str) -> Asking[Sequence[SaidRefund] | None]:
        """The refunds of an order; None: the shop does not show it to us, which is not "gone". Raises NoAnswer."""
        yield from ()
        return None

    def tell(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        """Say what became of a refund. Repeated with the same news it does the same once."""
        yield from ()
        return ShopDone()

    def record(self, access: ShopAccess, news: ShopNews) -> Asking[Outcome]:
        """Write a refund that was paid by us into the shop, without moving money there. `Done.name`: its id."""
        yield from ()
        return ShopRefuses("This shop takes no refunds that were made elsewhere.")


def document(came: WebhookRequest) -> Mapping[str, Any]:
    """The body's object, its numbers as they are written. Raises BadNotice."""
    found = exact.document(came.body)
    if not isinstance(found, dict):
        raise BadNotice("The body is no object of JSON.")
    return found


def answer_of(answered: Answered, *statuses: int) -> Any:
    """The document of an answer with one of these statuses (200 where none is given). Raises NoAnswer."""
    if not isinstance(answered, httpx.Response):
        raise NoAnswer(f"{answered.code}: {answered.message}")
    if answered.status_code == _TOO_MANY:
        raise NoAnswer("It answered 429.", seconds_of(answered.headers.get("retry-after")))
    if answered.status_code not in (statuses or (200,)):
        raise NoAnswer(f"It answered {answered.status_code}: {answered.text[:200]}")
    found = exact.document(answered.content)
    if found is None:
        raise NoAnswer("It answered with something that is no JSON.")
    return found


def seconds_of(text: str | None) -> float:
    """Whole seconds of a header; it may hold signs that are digits to Python alone, and no number ("²")."""
    plain = text is not None and text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 6
    return min(float(int(float(text))), _REST_MAX) if text is not None and plain else 0.0


def page_of(rows: Sequence[T] | None, most: int, what: str) -> Sequence[T]:
    """A page of a list: no more than was asked for is ever kept. Raises NoAnswer."""
    if rows is None:
        raise NoAnswer(f"{what} is no list.")
    if len(rows) > most:
        raise NoAnswer(f"{what} showed {len(rows)} at once, and was asked for {most}.")
    return rows


def name_of(found: Any, key: str) -> str | None:
    """A name under a key, be it written as a text or a whole number; None where there is none that can be one."""
    value = found.get(key) if isinstance(found, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= NAME_MAX and text.isprintable() else None


def needed(found: Any, key: str) -> str:
    """As `name_of`, of what must be there. Raises BadNotice."""
    name = name_of(found, key)
    if name is None:
        raise BadNotice(f"{key} is missing, or no name.")
    return name


def reference_in(*texts: Any) -> str | None:
    """Our reference, where one of these texts carries it behind `estorno:`."""
    for text in texts:
        if isinstance(text, str) and (at := text.find(MARK)) >= 0:
            rest = text[at + len(MARK) :][:20]
            if len(rest) == 20 and rest.isascii() and rest.isalnum() and rest.lower() == rest:
                return rest
    return None


def words_of(news: ShopNews) -> str:
    """One line for whoever reads a shop's order."""
    amount = f"{news.amount} " if news.amount else ""
    said = f" ({news.why})" if news.why else ""
    state = news.state.value if news.state else "NOT REFUNDED"
    return f"Estorno: {amount}{state}{said}, {MARK}{news.reference or news.id}"


def passed(code: CheckCode, saw: str) -> Checked:
    """A check that is well."""
    return Checked(code, CheckOutcome.PASSED, saw, "")


def failed(code: CheckCode, saw: str, what_to_do: str) -> Checked:
    """A check that a person must mend."""
    return Checked(code, CheckOutcome.FAILED, saw, what_to_do)


def unknown(code: CheckCode, saw: str) -> Checked:
    """A check that could be asked, and was not answered so that one knows."""
    return Checked(code, CheckOutcome.UNKNOWN, saw, "")


def unaskable(code: CheckCode) -> Checked:
    """A check that this kind of shop tells to no program."""
    return Checked(code, CheckOutcome.NOT_ASKABLE, "The shop tells it to no program.", "")
