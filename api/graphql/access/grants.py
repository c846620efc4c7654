"""What may be done where, as it is given and as it is read."""

import strawberry

from api.graphql.context import Info
from domain.access.grants import WantedRole
from domain.models import Grant as Row
from domain.models import Store as StoreRow


@strawberry.input(description="A role, in one store or in all.")
class GrantInput:
    role: str = strawberry.field(description="One that is built in, or one of your own: `roles` lists them.")
    store_code: str | None = strawberry.field(default=None, description="Left out: all stores.")


@strawberry.type(description="A role, in one store or in all.")
class Grant:
    role: str
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "Grant":
        return cls(role=row.role, row=row)

    @strawberry.field(description="Null: all stores.")
    async def store_code(self, info: Info) -> str | None:
        store_id = self.row.store_id
        return (await info.context.loaders.row(StoreRow, store_id)).code if store_id else None


def wanted_of(given: list[GrantInput]) -> list[WantedRole]:
    """As the domain has them."""
    return [WantedRole(one.role, one.store_code) for one in given]
