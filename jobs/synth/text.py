"""Made-up lives as rows of every table, in the text that COPY reads. All of it is our own: nothing need be escaped."""

import gzip
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from domain.books import ledger
from domain.findings.findings import ACTIONS, FindingKind
from domain.models.ledger import Entry
from domain.models.refunds import RELEASED, State
from domain.models.settlements import Effect
from domain.refunds.states import MOVES
from domain.settlements.batches import ENTRIES
from jobs.synth.lives import PATHS, Life, PaymentLife, uuid_of

CURRENCY: Final = "BRL"
ZONE: Final = "America/Sao_Paulo"
COLUMNS: Final[Mapping[str, str]] = {
    "reports": "id merchant_id connection_id business_date name digest content_type content totals created_at",
    "reconciliation_runs": "id merchant_id connection_id business_date state manifest times failures created_at "
    "finished_at",
    "payments": "id merchant_id store_id connection_id pse_reference order_reference method currency captured reserved "
    "refunded taken_by_bank charged_back tax_amount tax_allocated tax_rate tax_document tax_period captured_at source "
    "created_at",
    "refunds": "id merchant_id payment_id connection_id store_id method reference request_id state amount currency "
    "tax_amount reason retry_of_id pse_refund_reference failure_code failure_message sequence expires_at "
    "paid_by_bank_transfer due_at asks unsent doubt_since needs_person_since succeeded_at requested_by created_at "
    "updated_at",
    "idempotency_keys": "merchant_id mutation key input_digest request_id subject_id created_at",
    "events": "id merchant_id refund_id sequence kind state previous_state request_id actor code message detail "
    "occurred_at xact",
    "attempts": "refund_id number claimed_until sent_at ended_at outcome code refusal",
    "calls": "id merchant_id connection_id refund_id attempt request_id purpose method url headers body sent_at",
    "answers": "call_id status headers body pse_request_id duration_ms answered_at",
    "notices": "id connection_id digest body headers request_id received_at times_received tries applied_at",
    "notice_refunds": "notice_id refund_id",
    "ledger_entries": "merchant_id store_id connection_id payment_id refund_id entry debit credit amount currency "
    "accounting_date booked_at cause leg request_id",
    "settlement_lines": "report_id line type state payment_reference reference pse_refund_reference by_amount amount "
    "currency by_bank booked_at business_date effect payment_id refund_id",
    "findings": "id merchant_id connection_id kind fingerprint refund_id payment_id amount currency explanation action "
    "detail created_at resolved_at resolution",
}
# The transaction of an event that was sealed long ago: the first number that PostgreSQL ever gave.
_LONG_AGO: Final = "3"
_NULL: Final = "\\N"
_WAIT: Final = timedelta(days=30)  # nothing made up is due before: no worker is to send it
_PROVEN_AFTER: Final = timedelta(days=3)
_CODE: Final = "DevolucaoNaoRealizada"
_OUTCOMES: Final = {State.SUCCEEDED: "SUCCEEDED", State.RETURNED: "SUCCEEDED", State.FAILED: "DECLINED"}
_FOUND: Final = {
    State.SUBMITTED: FindingKind.DOUBT_UNRESOLVED,
    State.PENDING: FindingKind.PENDING_TOO_LONG,
    State.SUCCEEDED: FindingKind.VAT_REVERSAL_NEEDED,
    State.RETURNED: FindingKind.STATUS_MISMATCH,
}
_WAITING: Final = frozenset({State.AWAITING_DESTINATION, State.AWAITING_APPROVAL})
_DUE: Final = _WAITING | {State.REQUESTED, State.SUBMITTED, State.PENDING}
_HEADERS: Final = '{"content-type": "application/json"}'
_ONE_IN: Final = 8  # refunds of such a state that have a finding; one in ten of those is open
_NOTHING: Final = "\\\\x" + gzip.compress(b"", mtime=0).hex()


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Whose made-up rows they are."""

    merchant: str
    store: str
    connection: str


class RowWriter:
    """Rows by table, until they are taken. `until` (UTC) is when the made-up year ends."""

    def __init__(self, places: list[TextPlace], until: datetime, seed: int) -> None:
        self.events = 0
        self._places = places
        self._until = until
        self._chance = Random(seed + 1)  # noqa: S311 - made-up rows guard nothing
        self._rows: dict[str, list[str]] = defaultdict(list)
        self._reports: dict[tuple[int, date], str] = {}
        self._proven: dict[tuple[int, date], dict[Effect, list[int]]] = defaultdict(lambda: defaultdict(list))

    def take(self) -> Iterator[tuple[str, bytes]]:
        """Each table's rows since the last time, as COPY reads them."""
        taken, self._rows = self._rows, defaultdict(list)
        for table, lines in taken.items():
            yield table, ("\n".join(lines) + "\n").encode()

    def _add(self, table: str, *values: object) -> None:
        self._rows[table].append("\t".join([_NULL if value is None else str(value) for value in values]))

    def sale(self, sale: PaymentLife) -> None:
        """A payment, its capture and its refunds."""
        place, at = self._places[sale.merchant], sale.captured_at
        name = f"E12345678{at:%Y%m%d%H%M}{sale.number:011}"
        succeeded = sale.held(by=frozenset({State.SUCCEEDED}))
        held = sale.held()
        tax = sum(one.tax for one in sale.refunds if one.state not in RELEASED)
        self._add("payments", sale.id, place.merchant, place.store, place.connection, name, f"order-{sale.number}",
                  "PIX", CURRENCY, sale.captured, held - succeeded, succeeded, 0, 0, sale.tax, tax, "18.00",
                  f"NFe {sale.number}", f"{at:%Y-%m}", at, "LISTING", at + timedelta(minutes=1))  # fmt: skip
        self._legs(place, sale, None, Entry.CAPTURE, f"payment/{sale.id}", at, f"listing-{sale.number}")
        self._line(sale, None, Effect.CAPTURE, at)
        for nth, life in enumerate(sale.refunds):
            self._refund(place, sale, life, f"synth-{sale.number}-{nth}")

    def _refund(self, place: TextPlace, sale: PaymentLife, life: Life, request: str) -> None:
        first, last, path = life.moments[0], life.moments[-1], PATHS[life.state]
        waits, doubt = life.state in _WAITING, first if life.state is State.SUBMITTED else None
        paid = life.moments[path.index(State.SUCCEEDED)] if State.SUCCEEDED in path else None
        failed = life.state in (State.FAILED, State.RETURNED)
        self._add("refunds", life.id, place.merchant, sale.id, place.connection, place.store, "PIX", _reference(life),
                  request, life.state, life.amount, CURRENCY, life.tax, "CUSTOMER_REQUEST", life.retry_of,
                  f"D{life.id}" if paid else None, _CODE if failed else None,
                  "The receiver's bank refused." if failed else None, len(path),
                  self._until + _WAIT if waits else None, "f",
                  self._until + _WAIT if life.state in _DUE else None, 0, 0, doubt, doubt,
                  paid if life.state is State.SUCCEEDED else None, "synth", first, last)  # fmt: skip
        self._add("idempotency_keys", place.merchant, "refundCreate", f"key-of-{request}", "0" * 64, request, life.id,
                  first)  # fmt: skip
        self._history(place, sale, life, request)
        if State.SUBMITTED in path:
            self._call(place, life, request, life.moments[1])
        if life.state is State.RETURNED:
            self._notice(place, life, request)
        if paid is not None:
            self._line(sale, life, Effect.REFUND, paid)
        if life.state is State.RETURNED:
            self._line(sale, life, Effect.RETURN, last)
        if life.state in _FOUND and self._chance.randrange(_ONE_IN) == 0:
            self._finding(place, sale, life)

    def _history(self, place: TextPlace, sale: PaymentLife, life: Life, request: str) -> None:
        before: State | None = None
        for sequence, (state, at) in enumerate(zip(PATHS[life.state], life.moments, strict=True), start=1):
            self.events += 1
            ours = sequence == 1 or State.SUBMITTED not in PATHS[life.state]
            code = _CODE if state in (State.FAILED, State.RETURNED) else None
            self._add("events", self.events, place.merchant, life.id, sequence, state, state, before, request,
                      "synth" if ours else "worker", code, None, "{}" if ours else '{"attempt": 1}', at,
                      _LONG_AGO)  # fmt: skip
            for entry in MOVES[(before, state)]:
                self._legs(place, sale, life, entry, f"refund/{life.id}/{sequence}", at, request)
            before = state

    def _legs(
        self,
        place: TextPlace,
        sale: PaymentLife,
        life: Life | None,
        entry: Entry,
        name: str,
        at: datetime,
        request: str,
    ) -> None:
        amount, tax = (life.amount, life.tax) if life else (sale.captured, sale.tax)
        day = ledger.accounting_date_of(at, ZONE)
        for leg, (debit, credit, part) in enumerate(ledger.legs_of(entry, amount, tax), start=1):
            self._add("ledger_entries", place.merchant, place.store, place.connection, sale.id, life and life.id, entry,
                      debit, credit, part, CURRENCY, day, at, f"{name}/{entry}", leg, request)  # fmt: skip

    def _call(self, place: TextPlace, life: Life, request: str, at: datetime) -> None:
        call, outcome, answered = uuid_of(self._chance), _OUTCOMES.get(life.state), at + timedelta(milliseconds=240)
        outcome = outcome or ("IN_DOUBT" if life.state is State.SUBMITTED else "ACCEPTED")
        code = "TIMEOUT" if outcome == "IN_DOUBT" else _CODE if outcome == "DECLINED" else None
        self._add("attempts", life.id, 1, at + timedelta(minutes=1), at, answered, outcome, code, "f")
        body = f'{{"valor": "{life.amount // 100}.{life.amount % 100:02}", "natureza": "ORIGINAL"}}'
        self._add("calls", call, place.merchant, place.connection, life.id, 1, request, "REFUND", "PUT",
                  f"http://127.0.0.1:9/pix/v2/pix/synth/devolucao/{_reference(life)}", _HEADERS, body, at)  # fmt: skip
        status = None if outcome == "IN_DOUBT" else 400 if outcome == "DECLINED" else 201
        told = f'{{"id": "{_reference(life)}", "rtrId": "D{life.id}", "status": "{outcome}"}}'
        self._add("answers", call, status, _HEADERS, told if status else "", request, 240, answered)

    def _notice(self, place: TextPlace, life: Life, request: str) -> None:
        notice, at = uuid_of(self._chance), life.moments[-1]
        body = f'{{"pix": [{{"devolucoes": [{{"id": "{_reference(life)}", "status": "NAO_REALIZADO"}}]}}]}}'
        self._add("notices", notice, place.connection, hashlib.sha256(body.encode()).hexdigest(),
                  "\\\\x" + body.encode().hex(), _HEADERS, request, at, 1, 1, at)  # fmt: skip
        self._add("notice_refunds", notice, life.id)

    def _finding(self, place: TextPlace, sale: PaymentLife, life: Life) -> None:
        kind, at = _FOUND[life.state], life.moments[-1]
        ended = at if life.state not in _DUE and self._chance.randrange(10) else None
        self._add("findings", uuid_of(self._chance), place.merchant, place.connection, kind, f"synth/{life.id}",
                  life.id, sale.id, life.amount, CURRENCY, "This is made up.", ACTIONS[kind], "{}", at, ended,
                  "Seen." if ended else None)  # fmt: skip

    def _line(self, sale: PaymentLife, life: Life | None, effect: Effect, at: datetime) -> None:
        """What the report of the day tells, once there is one."""
        if at > self._until - _PROVEN_AFTER:
            return
        day = ledger.accounting_date_of(at, ZONE)
        key, amount = (sale.merchant, day), life.amount if life else sale.captured
        if key not in self._reports:
            self._reports[key] = uuid_of(self._chance)
        numbers = self._proven[key]
        number = 1 + sum(len(amounts) for amounts in numbers.values())
        numbers[effect].append(amount)
        self._add("settlement_lines", self._reports[key], number, "CAPTURE" if effect is Effect.CAPTURE else "REFUND",
                  "RETURNED" if effect is Effect.RETURN else "SUCCEEDED",
                  f"E12345678{sale.captured_at:%Y%m%d%H%M}{sale.number:011}", life and _reference(life),
                  f"D{life.id}" if life else None, "f", amount, CURRENCY, "f", at, day, effect, sale.id,
                  life and life.id)  # fmt: skip

    def reports(self) -> None:
        """Every report that has lines, its run, and the entries that it proves."""
        for (merchant, day), report in self._reports.items():
            place, name = self._places[merchant], f"synth-{day}.json"
            digest, at = hashlib.sha256(f"{merchant}/{day}".encode()).hexdigest(), f"{day + timedelta(days=1)}T06:00Z"
            sums = self._proven[merchant, day]
            rows = sum(len(amounts) for amounts in sums.values())
            self._add("reports", report, place.merchant, place.connection, day, name, digest, "application/json",
                      _NOTHING, f'{{"rows": {rows}}}', at)  # fmt: skip
            self._add("reconciliation_runs", uuid_of(self._chance), place.merchant, place.connection, day, "COMPLETED",
                      '{"files": [], "completeness": "made up"}', 1, 0, at, at)  # fmt: skip
            for effect, amounts in sums.items():
                ((debit, credit, total),) = ledger.legs_of(ENTRIES[effect], sum(amounts))
                self._add("ledger_entries", place.merchant, place.store, place.connection, None, None,
                          ENTRIES[effect], debit, credit, total, CURRENCY, day, at,
                          f"report/{report}/{place.store}/{effect}/{CURRENCY}", 1,
                          f"reconciliation-synth-{day}")  # fmt: skip


def _reference(life: Life) -> str:
    return life.id.replace("-", "")[:20]
