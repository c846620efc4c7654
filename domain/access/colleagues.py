"""The merchant's own people by name alone, for who may give them something: no address, no role."""

from collections.abc import Sequence
from typing import Final

from domain.access.permissions import PERMISSIONS, Permission, Role
from domain.access.principal import Principal
from domain.platform.database import Row, rows

# Those who have a permission ($2, null: any), be it in one store: by a role that is built in ($3), or the merchant's.
_NAMES: Final = """SELECT p.id, p.name FROM people p WHERE p.merchant_id = $1 AND p.state = 'ACTIVE'
  AND ($2::text IS NULL OR EXISTS (SELECT 1 FROM grants g LEFT JOIN roles r
      ON r.merchant_id = g.merchant_id AND r.name = g.role AND r.ended_at IS NULL
    WHERE g.person_id = p.id AND g.merchant_id = $1 AND g.ended_at IS NULL
      AND (g.role = ANY($3::varchar[]) OR $2 = ANY(r.permissions))))
ORDER BY p.name, p.id LIMIT $4"""


async def names(principal: Principal, may: Permission | None, first: int) -> Sequence[Row]:
    """`id` and `name` of each who can sign in, and has this permission. Raises Forbidden."""
    principal.require(Permission.WORK_FINDINGS, Permission.APPROVE)
    built_in = [name for name, role in Role.__members__.items() if may in PERMISSIONS[role]]  # old names, too
    return await rows(_NAMES, principal.merchant_id, may.value if may else None, built_in, first)
