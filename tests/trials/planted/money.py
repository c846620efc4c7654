"""Bugs of money. The name of each says what goes wrong; `focus` is the kind of history that leads to it."""

from typing import Final

from domain.notices import inbox, listings
from domain.payments import register
from domain.reconciliation import (
    captures,
    effects,
    enter,
    match,
    nameless,
    nobodys,
    reconcile,
    revised,
    shortfall,
    to_repeat,
)
from domain.refunds import doubt, learned, next_step, record, request, schedule
from tests.trials.planted.plant import Edit, Mutation

_PAID_TWICE: Final = r"was paid \d times|paid it\.|of \d+ was paid for"
_FORGOTTEN: Final = r"webhook was forgotten"

WIRE: Final = (
    # What the PSE said of an earlier send is believed of one that has arrived since.
    Mutation(
        "sent again without a fresh question",
        _PAID_TWICE,
        (Edit(next_step._send, "if sends.count and not _unknown_just_now(claim, sends):", "if False:"),),
        focus="resends",
        gate=True,
    ),
    # To the PSE an order with a key that has lived its life is another order.
    Mutation(
        "sent again with a key past its life",
        _PAID_TWICE,
        (
            Edit(
                schedule.Sends.why_not_again,
                "if self.now < self.first_sent_at + lifetime - min(_KEY_MARGIN, lifetime / 10):",
                "if True:",
            ),
        ),
        focus="old-keys",
    ),
    # Two people said what they had seen of two different sends.
    Mutation(
        "votes about different attempts counted together",
        _PAID_TWICE,
        (Edit(doubt._propose_or_confirm, 'not found[0]["counts"] or ', ""),),
        focus="votes",
    ),
    Mutation(
        "a retry locks the payment before the refund",
        r"deadlock",
        (
            Edit(
                request._under_the_lock,
                "        old = await lock(asked.retry_of.id) if asked.retry_of is not None else None\n"
                "        locked = await insert.locked(asked.scope.merchant_id, asked.new.payment_id)\n",
                "        locked = await insert.locked(asked.scope.merchant_id, asked.new.payment_id)\n"
                "        old = await lock(asked.retry_of.id) if asked.retry_of is not None else None\n",
            ),
        ),
        seed=6,
        focus="contradictions",
    ),
    # The answer to the question before the news puts the refund off.
    Mutation(
        "a webhook during a look-up is lost",
        _FORGOTTEN,
        (Edit(schedule.postpone, "CASE WHEN $3::bool AND due_at <= now() THEN", "CASE WHEN $3::bool AND false THEN"),),
        focus="hints",
    ),
    Mutation(
        "the same bytes while they are applied are lost",
        _FORGOTTEN,
        (Edit(inbox.done, "        _proves_nothing(claimed.told),\n", "        False,\n"),),
        focus="same-bytes",
    ),
    Mutation(
        "a listing with another amount is believed",
        r"was paid with",
        (
            Edit(
                listings._take_in,
                '    outcome = subjects.checked(refund, outcome, known.amount, "The PSE lists")\n',
                "",
            ),
        ),
        focus="other-amounts",
    ),
    # What somebody refunded in the panel since then is taken for ours.
    Mutation(
        "a snapshot of long before the send is kept",
        r"and nothing was paid|others took",
        (Edit(next_step._send, "not claim.is_fresh(refund.known_at)", "refund.known_at is None"),),
        focus="panel",
        gate=True,
    ),
    Mutation(
        "a failure after success is forgotten where nobody can be asked",
        _FORGOTTEN,
        (
            Edit(
                record._take_in,
                "            await paid_after_end.open_unasked(refund, doubt, cause)",
                "            pass",
            ),
        ),
        focus="second-thoughts",
    ),
    # What had failed was paid after all, and the order that repeats it goes out nevertheless.
    Mutation(
        "a retry is sent although the first one was paid after all",
        r"the money of which had left",
        (
            Edit(
                next_step._send,
                "    if await holding.held_back(claim, sends):\n        return None\n",
                "",
            ),
        ),
        seed=5,
        focus="contradictions",
    ),
    # The report's line of a refund that people ended as paid is taken for somebody else's money.
    Mutation(
        "a refund that people ended as paid has no name of the PSE's",
        r"others took \d+, the books say",
        (Edit(learned.names, "    given: set[str] = set()\n", "    return list(told)\n    given: set[str] = set()\n"),),
        focus="people",
    ),
)

REPORTS: Final = (
    Mutation(
        "a nameless line given to the oldest refund",
        r"and nothing was paid",
        (
            Edit(
                nameless._given_as_left,
                'known = _paired(fresh, open_ones.filter(pl.col("refund_state").is_in(["SUCCEEDED", "RETURNED"])))',
                'known = _paired(fresh, open_ones.filter(pl.col("refund_sent")))',
            ),
        ),
        focus="twins",
    ),
    Mutation(
        "a bank transfer settled by a line of the PSE",
        r"others took \d+, the books say|settle",
        (
            Edit(
                nameless._given_as_left,
                'refunds.filter(~pl.col("refund_by_bank") & ~pl.col("refund_id").is_in(spoken_for))',
                'refunds.filter(~pl.col("refund_id").is_in(spoken_for))',
            ),
            Edit(effects._effect, ' & ~pl.col("refund_by_bank")).fill_null', ").fill_null"),
            Edit(
                enter.enter,
                'refund_lines.filter(pl.col("refund_by_bank"))',
                "refund_lines.filter(pl.lit(value=False))",
            ),
        ),
        focus="bank-transfer",
    ),
    # A failed refund that was paid after all took the place of somebody else's money of equal amount.
    Mutation(
        "one money stands in for another of equal amount",
        r"others took \d+, the books say|PSE_",
        (Edit(shortfall._book, "min(short, await _nameless_short(payment, amount))", "0"),),
        focus="ours-named",
        seed=5,
    ),
    Mutation(
        "a chargeback that moves nothing",
        r"charged back",
        (Edit(reconcile._follow, "    await chargebacks.agree(concerned, cause)\n", ""),),
        focus="chargebacks",
    ),
    Mutation(
        "a payment registered later hears of nothing",
        r"others took \d+, the books say|PSE_BALANCE is",
        (
            Edit(register.insert, "    await told_before.take_in(await Payment.get(id=payment_id), cause)\n", ""),
            Edit(to_repeat.dates, "AND l.payment_id IS NULL AND", "AND l.payment_id IS NULL AND false AND"),
        ),
        focus="later",
    ),
    Mutation(
        "an order's reference before a payment's",
        r"is booked as taken, only|PSE_BALANCE is|others took",
        (
            Edit(
                match._by_order,
                'pl.when(UNNAMED).then(told["_of_order"]).otherwise(pl.col("payment_id"))',
                'pl.coalesce(told["_of_order"], pl.col("payment_id"))',
            ),
            Edit(match._orders, "pl.concat([books, told])", "pl.concat([books])"),
            Edit(match.orders_of, "lines.filter(UNNAMED)", "lines"),
        ),
        focus="shared-order",
    ),
    Mutation(
        "a nameless return only beside its leaving",
        r"others took \d+, the books say|PSE_",
        (
            Edit(
                nobodys.accounted,
                ".when(back & (number_back <= -more))",
                '.when(back & (number_back <= -more) & (pl.col("_stay") == 0))',
            ),
        ),
        focus="late-return",
    ),
    Mutation(
        "a revised report gives nothing back",
        r"others took \d+, the books say",
        (  # what looks after it at the end of each night would give it back, too
            Edit(reconcile._follow, "        await revised.give_back(old.id, cause)\n", ""),
            Edit(reconcile.reconcile, "            await revised.give_back_unstored(run, _cause(run))\n", ""),
        ),
        focus="revised",
    ),
    Mutation(
        "what the last of two reports tells no longer stays",
        r"others took \d+, the books say",
        (
            Edit(revised._agree_about, "AND l.refund_id IS NULL AND l.payment_id", "AND false AND l.payment_id"),
            Edit(reconcile.reconcile, "            await revised.give_back_unstored(run, _cause(run))\n", ""),
        ),
        focus="revised-twice",
    ),
    Mutation(
        "only the first part of a capture is proven",
        r"PSE_BALANCE is|waits in SUSPENSE",
        (
            Edit(
                captures._fitting,
                'fits = pl.col("_adds") & ((together <= pl.col("payment_captured")) | first)',
                'fits = pl.col("_adds") & first',
            ),
        ),
        focus="parts",
        gate=True,
    ),
    Mutation(
        "each kind of report taken for itself",
        r"is booked as taken, only|others took \d+, the books say",
        (Edit(nobodys._sums, 'pl.col("_outs").max()', 'pl.col("_outs").sum()'),),
        focus="two-kinds",
    ),
    Mutation(
        "a doubled line proven twice",
        r"PSE_BALANCE is|PSE_CLEARING is|told: ",
        (Edit(effects._again, "(settles & (ours | named))", "(settles & ours)"),),
        focus="doubled",
    ),
    Mutation(
        "what left and came back in one report is proven one way",
        r"PSE_BALANCE is|PSE_CLEARING is|stands: ",
        (
            Edit(
                effects._effect,
                '(back & ~ours & pl.col("_gone") & ~_had(Effect.REFUND) & ~_had(Effect.TAKEN_BACK),',
                "(returned & pl.lit(value=False),",
            ),
        ),
        focus="back-office",
    ),
)
