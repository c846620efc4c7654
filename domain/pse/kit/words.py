"""What a PSE's words mean: facts of its documents, in <name>/words.toml as its capabilities and codes are in theirs."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from domain.money import EXPONENTS, Money
from domain.pse.capabilities import Route, load
from domain.pse.kit import accounts, exact, scrubbing
from domain.pse.kit.interview import SetupWords
from domain.pse.kit.outcomes import ErrorAnswer, Statuses
from domain.pse.kit.tables import Layout
from domain.pse.kit.unreadable import Unreadable
from domain.pse.vocabulary import AccountDetails, Method, Shown

_PSES: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class RowKind:
    """What a kind of row in a report is to us: type and state of its line (reporting.REPORT_SCHEMA).

    `sign`: 1 where its money comes to the merchant, -1 where it goes; 0: either way, or it is no payment's.
    """

    type: str
    state: str = "SUCCEEDED"
    sign: int = 0


@dataclass(frozen=True, slots=True)
class Refusals:
    """Codes of errors that mean something else than their HTTP status.

    `unheard`: once our access or the account is mended the same order is carried out, so none of them ends a refund.
    `doubtful`: the PSE may still carry it out.
    """

    unheard: Sequence[str] = ()
    doubtful: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PaymentWords:
    """What a PSE says of a payment that it is asked for. `unknown`: its codes for one that it does not have.

    `unknown_in`: where its error has that code, if a bare 404 (of a wrong address, too) is called the same.
    `unknown_said`: its whole words for that, in lower case, where it publishes no code. `unknown_status`: with which it
    says so. `captured`, `not_captured`: statuses of a payment whose money was taken, given back since or not, and of
    one whose was not; `all_back`: of one of which nothing is left.
    """

    unknown: Sequence[str] = ()
    unknown_in: Sequence[str] = ()
    unknown_said: Sequence[str] = ()
    unknown_status: Sequence[int] = (404,)
    captured: Sequence[str] = ()
    not_captured: Sequence[str] = ()
    all_back: Sequence[str] = ()

    def is_captured(self, status: object) -> bool:
        """Raises Unreadable for a status that the PSE does not publish."""
        if status in self.captured:
            return True
        if status not in self.not_captured:
            raise Unreadable(f"status {str(status)[:50]!r} is not published")
        return False

    def is_unknown(self, status: int, code: str, said: str, raw: Any) -> bool:
        """Whether an error, as it was read and as it came, says that there is no such payment."""
        if status not in self.unknown_status:
            return False
        if self.unknown_in:
            code = str(exact.inner(raw, *self.unknown_in)).rsplit("/", 1)[-1]
        return code in self.unknown or said.strip().rstrip(".").lower() in self.unknown_said


@dataclass(frozen=True, slots=True)
class Words:
    """`errors`: what an answer is called that has no code of the PSE's own, by its HTTP status, `5xx` or `other`.

    `hidden`: names of the fields that no log may keep, beside those of kit/hiding.py. `scrubbed`: the patterns of what
    it may not, wherever it stands.
    `methods`: how the customer paid. `layouts`: of the reports that are tables, by name. `states`: of a report's line,
    by its row's status; "" where that says no more than its kind. `destinations`: by kind, the PSE's fields that name
    who gets the money, each with the form that makes it of kit/accounts.py's values (`"{first_name:.50}"`: at most 50
    characters). `account_types`: the PSE's words for those of an account; one that is not here is not told. `setup`: of
    a preflight. `payments`: of a payment that is asked for. `routes`: where a refund goes, by method.
    """

    errors: Mapping[str, str]
    hidden: re.Pattern[str]
    scrubbed: Sequence[scrubbing.Scrubbed]
    statuses: Statuses
    methods: Mapping[str, Method]
    kinds: Mapping[str, RowKind]
    layouts: Mapping[str, Layout]
    refusals: Refusals
    states: Mapping[str, str]
    destinations: Mapping[str, Mapping[str, str]]
    account_types: Mapping[str, str]
    payments: PaymentWords
    setup: SetupWords
    routes: Mapping[Method, Route]

    def unclear(self, row: Mapping[str, Any], column: str, *currencies: str) -> str | None:
        """What nobody understands of a row, in its words: its kind, which stands in `column`, or its currencies."""
        kind = row[column]
        if kind not in self.kinds:
            return str(kind) or f"no {column}"
        return next((f"{kind} in {currency}" for currency in currencies if currency not in EXPONENTS), None)

    def recipient(self, destination: AccountDetails | None) -> dict[str, str]:
        """The PSE's fields for who gets the money, without those that are empty; none where there is no destination.

        Raises KeyError for a kind that the PSE's table does not have: its capabilities name no such kind.
        """
        if destination is None:
            return {}
        values = dict(accounts.told_by(destination))
        values["account_type"] = self.account_types.get(values.get("account_type", ""), "")
        fields = {name: form.format_map(values) for name, form in self.destinations[destination.kind].items()}
        return {name: text for name, text in fields.items() if text}

    def shown(
        self,
        name: str,
        amount: Money | None,
        status: object,
        kinds: Sequence[object],
        captured: bool | None = None,
        given_back: int = 0,
    ) -> Shown:
        """A payment as its PSE shows it. `kinds`: its words for how it was paid. `captured` None: its status says so.
        `given_back`: what it lists of that (minor units); its status may say that all was.

        Raises Unreadable.
        """
        if amount is None:
            raise Unreadable(f"the amount of {name}, or its currency, cannot be read")
        said = [str(kind)[:40] for kind in kinds]
        return Shown(
            names=frozenset({name}),
            amount=amount,
            status=str(status)[:50],
            captured=self.payments.is_captured(status) if captured is None else captured,
            methods=self.methods_of(said),
            method_said=" ".join(said)[:80],
            given_back=amount.minor_units if status in self.payments.all_back else given_back,
        )

    def methods_of(self, said: Sequence[str]) -> frozenset[Method]:
        """As which methods a payment may be registered that the PSE calls so, its finest word first.

        A wider word counts beside it only where a refund goes the same way: no Pix is a transfer to a named account.
        """
        found = [self.methods[kind] for kind in said if kind in self.methods]
        return frozenset(one for one in found if self.routes.get(one) == self.routes.get(found[0]))

    def unexplained(self, pse: str, status: int, lacking: str) -> ErrorAnswer:
        """An answer of that HTTP status in which the PSE (its name in a sentence) explains nothing: what it lacks."""
        return ErrorAnswer(self.error_name(status), f"{pse} answered {status} without {lacking}.", explained=False)

    def error_name(self, status: int) -> str:
        """The name of an answer of that HTTP status."""
        other = self.errors["other"] if status < 500 else self.errors.get("5xx", self.errors["other"])
        return self.errors.get(str(status), other)


def words_of(pse: str) -> Words:
    """The table of one PSE. What cannot be read is a bug of the table and raises."""
    with (_PSES / pse / "words.toml").open("rb") as file:
        table: Mapping[str, Any] = tomllib.load(file)
    hidden = "|".join(table.get("hidden", ()))
    statuses = {"waiting": [], "done": [], "failed": []} | table.get("statuses", {})
    return Words(
        errors={"other": "UNREADABLE"} | table.get("errors", {}),
        hidden=scrubbing.names(hidden),
        scrubbed=scrubbing.read(table.get("scrubbed", ()), hidden),
        statuses=Statuses(**statuses),
        methods={name: Method(method) for name, method in table.get("methods", {}).items()},
        kinds={name: RowKind(**kind) for name, kind in table.get("kinds", {}).items()},
        layouts={name: Layout(**found) for name, found in table.get("layouts", {}).items()},
        refusals=Refusals(**table.get("refusals", {})),
        states=table.get("states", {}),
        destinations=table.get("destinations", {}),
        account_types=table.get("account_types", {}),
        payments=PaymentWords(**table.get("payments", {})),
        setup=SetupWords(**table.get("setup", {})),
        routes={method: able.route for method, able in load(pse).items()},
    )
