"""The eight bugs of the gate: what goes wrong, and which constraint of the database would have stopped it."""

from typing import Final

from domain.refunds import doubt_table, insert, moves, next_step, put_off, states
from domain.refunds.work import order_of
from tests.trials.planted.books import BOOKS
from tests.trials.planted.money import REPORTS, WIRE
from tests.trials.planted.plant import Edit, Mutation

# The table of moves refuses what it does not have; these bugs need a table that lets everything through.
_ANY_MOVE: Final = Edit(
    moves.move,
    "entries = MOVES[(previous, to)]",
    "entries = MOVES.get((previous, to)) or MOVES.get((State.SUBMITTED, to), ())",
)

_EIGHT: Final = (
    # The same order under another key is another refund to a PSE: it is paid again.
    Mutation(
        "a fresh key on every send",
        r"which no refund of ours asked for|\d+ of \d+ was paid for",
        (
            Edit(
                order_of,
                "reference=refund.reference,",
                'reference=refund.reference if attempt < 2 else f"{refund.reference[:18]}{attempt:02}",',
            ),
        ),
        gate=True,
    ),
    # The PSE may have paid what is called failed here.
    Mutation(
        "a timeout taken as a failure",
        r"is FAILED, and the PSE has paid it",
        (
            Edit(
                doubt_table.weighed,
                "    if not isinstance(outcome, Unsent):",
                "    if isinstance(outcome, InDoubt) and source.door is Door.ANSWER:\n"
                "        return Declined(outcome.code, outcome.message)\n"
                "    if not isinstance(outcome, Unsent):",
            ),
        ),
        gate=True,
        seed=7,
    ),
    # Two requests see the same refundable amount. The CHECKs on the payment's counters and on its VAT would refuse the
    # second. It takes a thousand steps to come to it by chance: too many for the gate, where its story is told by hand.
    Mutation(
        "written although the payment has changed",
        r"\d+ \+ \d+ > \d+",
        (
            Edit(
                insert.write_if_unchanged,
                "_named(_WRITE_IF_UNCHANGED),",
                '_named(_WRITE_IF_UNCHANGED).replace(" AND (reserved", " AND true OR id = $3 AND (reserved"),',
            ),
        ),
        (
            "ALTER TABLE payments DROP CONSTRAINT payments_never_over_refunded",
            "ALTER TABLE payments DROP CONSTRAINT payments_tax_within_bounds",
        ),
        seed=22,
    ),
    # What was reserved once is given back twice. The sums at the commit would refuse it, and the CHECK on counters
    # below zero some of it.
    Mutation(
        "a reservation released twice",
        r"counters: payment",
        (
            Edit(
                moves.shift_of,
                "reserved = amount * ((after is Holding.RESERVED) - (before is Holding.RESERVED))",
                "reserved = amount * ((after is Holding.RESERVED) - (before is Holding.RESERVED)"
                " - (after is Holding.RELEASED))",
            ),
        ),
        (
            "ALTER TABLE payments DROP CONSTRAINT payments_counters_not_negative",
            "DROP TRIGGER payments_counted ON payments",
            "DROP TRIGGER refunds_counted ON refunds",
        ),
        gate=True,
    ),
    # The second "done" pays once more in the books.
    Mutation(
        "a webhook applied twice",
        r"payable: refund",
        (
            _ANY_MOVE,
            Edit(
                states.decide,
                "return Stay() if state not in SETTLED_FOR_NOW else Agrees()",
                "return Stay() if state not in SETTLED_FOR_NOW else Move(target)",
            ),
        ),
        gate=True,
    ),
    # "Accepted" comes after "done" and takes the refund back to PENDING, although the money has left. The database's
    # own table of moves would refuse it.
    Mutation(
        "a status that comes out of order accepted",
        r"p(ayable|aid): refund|is still PENDING|PENDING due",
        (
            _ANY_MOVE,
            Edit(
                states._decide_succeeded,
                "if target is S.RETURNED:\n        return Move(S.RETURNED)",
                "if target in (S.RETURNED, S.PENDING):\n        return Move(target)",
            ),
        ),
        ("DROP TRIGGER refunds_move ON refunds",),
        gate=True,
    ),
    # A worker that dies between the commit and the entry leaves a refund that the books do not owe.
    Mutation(
        "a ledger entry outside the transaction",
        r"payable: refund .* in REQUESTED: owed .* ledger 0",
        (
            Edit(
                insert._values, "[list(column) for column in zip(*legs, strict=True)] or [[], [], [], []]", "[[]] * 4"
            ),
            Edit(
                insert.write_if_unchanged,
                '    return model_of(Refund, found[0], "made") if found else None\n',
                "    if found:\n"
                "        await ledger.post([ledger.Posting(payment['merchant_id'], payment['store_id'], "
                "payment['connection_id'], MOVES[(None, draft.state)][0], draft.amount.minor_units, "
                "draft.amount.currency, payment['now'].date(), f'refund/{draft.id}/1', cause.request_id, draft.tax, "
                "payment['id'], draft.id)])\n"
                '    return model_of(Refund, found[0], "made") if found else None\n',
            ),
        ),
        gate=True,
        seed=2,
    ),
    # A claim that is no lease: nobody waits for its end, and the worker that holds it does not stop there either.
    Mutation(
        "no lease on what is taken",
        r"was paid \d times|the PSE has paid it",
        (
            Edit(put_off.due, " AND due_at <= now()", ""),
            Edit(next_step.take_seen, "time.monotonic() + lease_seconds - send_seconds", "time.monotonic() + 86_400"),
            Edit(next_step._doubt, 'if live and last["claimed_until"] <= claim.now:', "if live:"),
        ),
    ),
)

MUTATIONS: Final = (*_EIGHT, *WIRE, *REPORTS, *BOOKS)
