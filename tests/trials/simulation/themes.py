"""What the wide histories are about. An example draws one theme, so that few steps reach deep into it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tests.trials.simulation.features import Feature
from tests.trials.simulation.held import Mood, Status
from tests.trials.simulation.wide_pse import Manner, Webhooks

Seconds = float | None  # None: until the next thing is due

_WORK: Final = ("wide_work", "wide_wait")


@dataclass(frozen=True, slots=True)
class Theme:
    """A small world: kinds of PSE, what may happen, how requests fare, how long one waits, how the PSE speaks."""

    name: str
    kinds: tuple[str, ...]
    rules: frozenset[str]
    moods: tuple[Mood, ...] = (Mood.OK,)
    seconds: tuple[Seconds, ...] = (None, 31)
    manners: tuple[Manner, ...] = (Manner(),)
    decisions: tuple[Status, ...] = (Status.DONE, Status.DONE, Status.QUEUED, Status.REFUSED)
    quiets: int = 4  # of four examples so many are played to their quiet end, which takes longer than they do
    features: frozenset[Feature] = frozenset()  # how reports are written, and what others do
    questions_fail: bool = False  # whether what becomes of orders becomes of questions too


def _theme(
    name: str,
    kinds: Iterable[str],
    rules: Iterable[str],
    moods: tuple[Mood, ...] = (Mood.OK,),
    seconds: tuple[Seconds, ...] = (None, 31),
    manners: tuple[Manner, ...] = (Manner(),),
    **more: Any,
) -> Theme:
    names = tuple(f"sim-{kind}" for kind in kinds)
    return Theme(name, names, frozenset((*_WORK, *rules)), moods, seconds, manners, **more)


M = Mood
THEMES: Final = {
    theme.name: theme
    for theme in (
        # A request that was taken for lost arrives after its grace; between sends the PSE wants rest or is down.
        _theme(
            "resends",
            ("look-up", "hour-key", "key-and-look-up"),
            ("late_after_all", "overtaken"),
            (M.VERY_LATE, M.TOO_MANY, M.VERY_LATE, M.TOO_MANY, M.OK, M.DOWN),
            (31, 31, 300, 4_000),
            quiets=1,
        ),
        # Nothing is heard of an order until its key has lived its life.
        _theme(
            "old-keys",
            ("key", "key", "hour-key"),
            ("request",),
            (M.LOST_ANSWER, M.APPLIED_THEN_500),
            (90_000, 4_000),
            decisions=(Status.DONE,),
            quiets=1,
        ),
        # Support looks into the back office right after a send.
        _theme(
            "votes",
            ("hour-key", "look-up", "key-and-look-up"),
            ("late_request", "support_looks", "votes_apart", "reconcile_past"),
            (M.LATE_REQUEST, M.LOST_REQUEST),
            (31, 130_000),
            quiets=1,
        ),
        # People end a doubt; the PSE's own id is learned later, from a report that knows no other name.
        _theme(
            "people",
            ("neither", "key"),
            ("resolve", "lose", "reconcile", "webhook"),
            (M.LOST_ANSWER, M.APPLIED_THEN_500, M.OK),
            (None, 61),
            (Manner(report_names_ours=False), Manner(Webhooks.ID_ONLY, report_names_ours=False)),
        ),
        # What was done fails after all; a webhook tells of another amount.
        _theme(
            "second-thoughts",
            ("neither", "key", "look-up", "key-and-look-up"),
            ("news_comes", "pse_recalls", "recall_is_heard", "pse_tells_other_amount"),
            quiets=1,
        ),
        # "There is news", while we ask about the news before it.
        _theme(
            "hints",
            ("look-up", "key-and-look-up"),
            ("wide_work_slowly", "go_on_well", "news_comes", "news_while_asking", "pse_turns"),
            seconds=(None, None, 61),
            manners=(Manner(Webhooks.HINT),),
            decisions=(Status.QUEUED, Status.QUEUED, Status.DONE),
            quiets=1,
        ),
        # "There is news", the same bytes each time, while the news before it is still being applied.
        _theme(
            "same-bytes",
            ("look-up", "key-and-look-up"),
            ("news_comes", "news_comes_slowly", "news_goes_on", "same_bytes_meanwhile"),
            manners=(Manner(Webhooks.HINT),),
            decisions=(Status.QUEUED,),
            quiets=1,
        ),
        # A webhook knows only the PSE's id, comes before the answer or for days, and again after that.
        _theme(
            "late-names",
            ("neither",),
            ("news_comes", "days_pass"),
            (M.LOST_ANSWER,),
            manners=(Manner(Webhooks.ID_ONLY),),
            quiets=1,
        ),
        # Somebody refunds in the panel of a PSE that can only list; the order waits for its send.
        _theme(
            "panel",
            ("listing",),
            ("refund_by_hand", "panel_is_used_while_an_order_waits", "webhook", "reconcile"),
            (M.TOO_MANY, M.LOST_REQUEST),
            (61, 300),
            quiets=1,
        ),
        # The PSE pays another amount than was asked for, and lists it.
        _theme(
            "other-amounts",
            ("look-up",),
            ("pse_pays_other", "bank_is_told", "news_comes"),
            (M.OK, M.LOST_ANSWER),
            decisions=(Status.QUEUED,),
        ),
        # What was refused is paid after all, while a client asks again.
        _theme(
            "contradictions",
            ("key-and-look-up", "look-up", "hour-key"),
            ("pse_unsays", "wide_race"),
            decisions=(Status.REFUSED, Status.REFUSED, Status.DONE),
            quiets=1,
        ),
        # Answers that mean something else than they seem to.
        _theme(
            "answers",
            ("key-and-look-up", "key", "look-up", "neither", "by-id", "hour-key"),
            ("webhook", "lose", "resolve", "reconcile", "pse_turns", "late_request", "ask"),
            (M.OK, M.IN_PROGRESS, M.IN_PROCESS_400, M.REPLAY_ERROR, M.LOST_ANSWER, M.TOO_MANY, M.LATE_REQUEST),
            (None, 31, 300),
            questions_fail=True,
        ),
    )
}
