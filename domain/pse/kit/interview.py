"""Asking a PSE about a merchant's account: what its answers mean for the checks of a preflight.

A PSE's `setup.py` asks and says what it saw; what every PSE's refusal of a key or an address means is here. Which page
of whose back office mends what, and what a PSE tells to no program, is in its words.toml (`[setup]`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

import httpx

from domain.pse.checking import Answered, Asking, CheckCode, Checked, CheckOutcome, PseAccount
from domain.pse.kit import exact, requests
from domain.pse.kit.outcomes import ErrorAnswer

NO_SUCH_PAYMENT: Final = "estornopreflight"  # of a refund that nobody can pay: there is no such payment
_SAID_MAX: Final = 300
_OURS: Final = (CheckCode.CLOCK, CheckCode.CERTIFICATE)  # seen by who sends
_LATER: Final = (408, 425, 429)
_KEY_UNUSABLE: Final = ("TOKEN_REFUSED", "CREDENTIALS_UNUSABLE")
OutcomeAndWords = tuple[CheckOutcome, str]


@dataclass(frozen=True, slots=True)
class SetupWords:
    """A PSE's facts about its preflight. Codes are those of its errors; `address_said`: its words for an address.
    `live_hosts`: how the hosts end that move money of customers; `live_secrets`: how the keys begin that do.
    `countries`: by currency, the one that is asked about; `sites`: the currency of an account, by its PSE's site.

    `to_do`: what mends a check, by its code. `not_askable`: why a check cannot be asked of this PSE, by its code.
    """

    key_refused: Collection[str] = ()
    address_refused: Collection[str] = ()
    address_said: str = ""
    suspended: Collection[str] = ()
    unknown_payment: Collection[str] = ()
    live_hosts: Collection[str] = ()
    live_secrets: Collection[str] = ()
    countries: Mapping[str, str] = field(default_factory=dict)
    sites: Mapping[str, str] = field(default_factory=dict)
    to_do: Mapping[str, str] = field(default_factory=dict)
    not_askable: Mapping[str, str] = field(default_factory=dict)


class Access(Enum):
    """What an answer says of our access."""

    OPEN = auto()
    KEY = auto()
    ADDRESS = auto()
    SUSPENDED = auto()
    NOT_PERMITTED = auto()
    SILENT = auto()  # no answer, or one that is about the PSE's own trouble
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as read. `said`: for people. `code`: of the PSE's error, or why there was no answer."""

    access: Access
    status: int | None
    body: Any
    code: str
    said: str

    @property
    def ok(self) -> bool:
        """Whether it was answered with what was asked for."""
        return self.access is Access.OPEN

    def inner(self, *names: str) -> Any:
        """What stands under these names in the answer, each within the one before it."""
        return exact.inner(self.body, *names)

    def texts(self, *names: str) -> list[str]:
        """The texts of the list that stands under these names."""
        return exact.texts(self.body, *names)

    def objects(self, *names: str) -> list[dict[str, Any]]:
        """The objects of the list that stands under these names; none where there is no such list."""
        return exact.objects(self.inner(*names)) or []


def access_of(words: SetupWords, status: int, error: ErrorAnswer) -> Access:
    """What a refusal says of our access: by the PSE's codes, else by its status."""
    if error.code in words.address_refused or (words.address_said and words.address_said in error.said):
        return Access.ADDRESS
    if error.code in words.suspended:
        return Access.SUSPENDED
    if error.code in words.key_refused or status == httpx.codes.UNAUTHORIZED:
        return Access.KEY
    if status == httpx.codes.FORBIDDEN:
        return Access.NOT_PERMITTED
    return Access.SILENT if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _LATER else Access.UNCLEAR


def refuses_us(words: SetupWords, status: int, error: ErrorAnswer) -> bool:
    """Whether it refuses us, whatever we ask for."""
    return access_of(words, status, error) in (Access.KEY, Access.ADDRESS, Access.SUSPENDED, Access.NOT_PERMITTED)


class Interview:
    """One preflight of an `account`: what is asked, and what was found so far. `headers`: those of every request."""

    def __init__(
        self,
        account: PseAccount,
        words: SetupWords,
        error_of: Callable[[httpx.Response], ErrorAnswer],
        headers: Mapping[str, str] = requests.JSON,
    ) -> None:
        self.account = account
        self.words = words
        self._error_of = error_of
        self._headers = headers
        self._found: dict[CheckCode, OutcomeAndWords] = {}
        self._shut = ""  # why nothing more can be asked

    # Asking

    def ask(self, request: httpx.Request) -> Asking[Heard]:
        """Ask, and read what the answer says of our access."""
        answer = yield request
        return self._heard(answer)

    def get(self, *parts: str, **asked: str) -> Asking[Heard]:
        """Ask for what is at this place below the account's address, with these parameters."""
        return self.ask(requests.get(self.account.base_url, *parts, headers=self._headers, asked=asked))

    def _heard(self, answer: Answered) -> Heard:
        if not isinstance(answer, httpx.Response):
            access = Access.KEY if answer.code in _KEY_UNUSABLE else Access.SILENT
            return Heard(access, None, None, answer.code, answer.message[:_SAID_MAX])
        body = exact.document(answer.content)
        if answer.is_success:
            return Heard(Access.OPEN, answer.status_code, body, "", f"answered {answer.status_code}")
        error = self._error_of(answer)
        said = f"answered {answer.status_code} {error.code}: {error.said}"[:_SAID_MAX]
        return Heard(access_of(self.words, answer.status_code, error), answer.status_code, body, error.code, said)

    def refused(self, heard: Heard, code: str, said: str) -> Heard:
        """The same answer, where its status does not tell that it is a refusal, or of what."""
        access = access_of(self.words, httpx.codes.BAD_REQUEST, ErrorAnswer(code, said, explained=True))
        return Heard(access, heard.status, heard.body, code, f"answered {code}: {said}"[:_SAID_MAX])

    # Finding

    def passed(self, code: CheckCode, saw: str) -> None:
        """The check passed."""
        self._found[code] = (CheckOutcome.PASSED, saw)

    def failed(self, code: CheckCode, saw: str) -> None:
        """The check failed: what mends it is in the PSE's table."""
        self._found[code] = (CheckOutcome.FAILED, saw)

    def unknown(self, code: CheckCode, saw: str) -> None:
        """It cannot be told now."""
        self._found[code] = (CheckOutcome.UNKNOWN, saw)

    def judge(self, code: CheckCode, good: bool, saw: str) -> None:
        """Passed or failed."""
        (self.passed if good else self.failed)(code, saw)

    def entrance(self, heard: Heard, *, by_parts: bool = False) -> bool:
        """What the first answer says of key, address and merchant; whether more can be asked.

        `by_parts`: a key of this PSE may do one thing and not another, so that "forbidden" still means a known key.
        """
        match heard.access:
            case Access.NOT_PERMITTED if not by_parts:
                self.failed(CheckCode.CREDENTIALS, f"The key, or the address that we ask from, was {heard.said}")
                self._shut = "everything is forbidden to us"
            case Access.KEY:
                self.failed(CheckCode.CREDENTIALS, heard.said)
                self._shut = "our key is refused"
            case Access.ADDRESS:
                self.failed(CheckCode.EGRESS_ADDRESS, heard.said)
                self._shut = "our address is refused"
            case Access.SILENT:
                self._shut = f"no answer could be had ({heard.said})"
            case Access.UNCLEAR:
                self._shut = f"what it answers says nothing of our key ({heard.said})"
            case _:
                self.passed(CheckCode.CREDENTIALS, "The PSE knows our key.")
                self.passed(CheckCode.EGRESS_ADDRESS, "The PSE answers the address that we ask from.")
        if heard.access is Access.SUSPENDED:
            self.failed(CheckCode.MERCHANT_ACTIVE, heard.said)
            self._shut = "the PSE does not work for this merchant"
        return not self._shut

    def or_unknown(self, code: CheckCode, heard: Heard, what: str) -> bool:
        """Whether it was answered; where not, the check is unknown and says why."""
        if not heard.ok:
            lacks = f"The key may not read {what}" if heard.access is Access.NOT_PERMITTED else f"Asking for {what}"
            self.unknown(code, f"{lacks}: {heard.said}")
        return heard.ok

    def refund_nothing(self, *parts: str, body: Mapping[str, object]) -> Asking[None]:
        """Ask for a refund of a payment that does not exist, and judge by the answer."""
        made = requests.post(self.account.base_url, *parts, body=body, headers=self._headers)
        self.may_refund((yield from self.ask(made)))

    def may_refund(self, heard: Heard) -> None:
        """What the PSE says to a refund of a payment that does not exist: only who may refund learns that."""
        code = CheckCode.MAY_REFUND
        if heard.code in self.words.unknown_payment:
            self.passed(code, f"A refund of a payment that does not exist was {heard.said}: the key may ask for one.")
        elif heard.access in (Access.NOT_PERMITTED, Access.KEY, Access.SUSPENDED):
            self.failed(code, f"A refund of a payment that does not exist was {heard.said}")
        else:
            self.unknown(code, f"A refund of a payment that does not exist was {heard.said}")

    def webhooks(
        self,
        heard: Heard,
        listening: Callable[[Heard], Sequence[str]],
        named: str = "the webhooks",
        what: str = "addresses",
    ) -> None:
        """Whether our address is among those of the webhooks that were asked for. `listening`: those that count, which
        are called `what`.
        """
        if self.or_unknown(CheckCode.CALLBACK_REGISTERED, heard, named):
            self.callback(listening(heard), what)

    def callback(self, registered: Sequence[str], what: str = "addresses") -> None:
        """Whether our address is among those that the PSE tells of what happens."""
        code, ours = CheckCode.CALLBACK_REGISTERED, self.account.webhook_url
        if ours is None:
            self.failed(code, "Estorno has no public address that a PSE could reach: set ESTORNO_PUBLIC_URL.")
        elif any(url == ours or url.startswith((f"{ours}/", f"{ours}?")) for url in registered):
            self.passed(code, f"{ours} is registered.")
        else:
            others = ", ".join(registered)[:_SAID_MAX] or "none"
            self.failed(code, f"{ours} is not registered; registered {what}: {others}")

    def listing(self, heard: Heard, what: str, *names: str) -> None:
        """Whether `what` can be listed, of which the report is made: under these names of the answer."""
        if self.or_unknown(CheckCode.REPORT_COLUMNS, heard, f"the {what}"):
            readable = exact.objects(heard.inner(*names)) is not None
            self.judge(CheckCode.REPORT_COLUMNS, readable, f"The {what}, which are the report, can be listed.")

    def currencies(self, known: Collection[str]) -> None:
        """Whether the account takes all that the merchant takes there."""
        missing = sorted(self.account.currencies - set(known))
        told = ", ".join(sorted(known)) if len(known) <= 10 else f"{len(known)} currencies"
        saw = f"The account takes {told}" + (f", and not {', '.join(missing)}." if missing else ".")
        self.judge(CheckCode.CURRENCIES, not missing, saw)

    # The end

    def checks(self) -> list[Checked]:
        """Every check but those that only who sends can see."""
        return [self._check(code) for code in CheckCode if code not in _OURS]

    def _check(self, code: CheckCode) -> Checked:
        outcome, saw = self._found.get(code) or self._not_found(code)
        return Checked(code, outcome, saw, "" if outcome is CheckOutcome.PASSED else self.words.to_do.get(code, ""))

    def _not_found(self, code: CheckCode) -> OutcomeAndWords:
        if code in self.words.not_askable:
            return CheckOutcome.NOT_ASKABLE, self.words.not_askable[code]
        return CheckOutcome.UNKNOWN, f"Not asked: {self._shut}." if self._shut else "The PSE was not asked."
