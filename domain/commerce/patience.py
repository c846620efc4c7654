"""How long a shop asks for a refund: what takes longer it has paid by hand, so that we must not pay it any more."""

from typing import Final

from domain.commerce.registry import all_dialects, dialect_of
from domain.models import Shop, ShopRefund
from domain.platform.database import rows

_LATE: Final = """SELECT 1 AS one FROM shop_refunds
WHERE id = $1 AND created_at <= now() - make_interval(secs => $2::float8)"""
_ENDS_AT: Final = "r.created_at + make_interval(secs => CASE s.kind {} END)".format(
    " ".join(
        f"WHEN '{one.kind.value}' THEN {one.gives_up_seconds}"
        for one in all_dialects()
        if one.gives_up_seconds is not None
    )
)
# Whether a due refund (r) of a shop (s) has its turn. Of one that rests nothing is worked out or told, but its patience
# ends all the same, and nobody needs to be called for that: paid later, it would be paid beside what it has paid by
# hand. Of a retired one, what goes is taken back; what waits for a person is theirs, and so is what they say after it.
TURN: Final = f"""(s.state = 'ACTIVE' OR {_ENDS_AT} <= now() AND r.told_state IS NULL AND (
  s.state = 'RETIRED' AND r.refund_id IS NOT NULL AND coalesce(r.decided_at <= {_ENDS_AT}, true)
  OR s.state = 'PAUSED' AND NOT EXISTS (SELECT 1 FROM refunds f WHERE f.id = r.refund_id
    AND f.state IN ('SUCCEEDED', 'FAILED', 'REJECTED', 'CANCELED', 'EXPIRED', 'RETURNED'))))"""  # noqa: S608 - ours


async def is_over(shop: Shop, row: ShopRefund) -> bool:
    """Whether the shop asks no more, counted from when it asked first."""
    limit = dialect_of(shop.kind).gives_up_seconds
    return limit is not None and bool(await rows(_LATE, row.id, limit))
