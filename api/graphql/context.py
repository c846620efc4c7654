"""What every resolver is given: the principal, the request's ID, the settings, and loaders of this operation only."""

from dataclasses import dataclass, field
from uuid import UUID

from strawberry.types import Info as StrawberryInfo

from api.graphql.loaders import Loaders
from api.graphql.transport.feeds import Feeds
from api.graphql.transport.follow import Waker
from api.http import languages, origin
from domain.access.tokens import Principal
from domain.cause import Cause, Doer
from domain.models import Merchant
from domain.platform.settings import Settings


@dataclass(slots=True)
class Context:
    """One operation's surroundings; on a socket too, each has its own."""

    principal: Principal
    request_id: str
    settings: Settings
    waker: Waker
    feeds: Feeds
    loaders: Loaders = field(default_factory=Loaders)
    spoken: str | None = None  # which languages the reader wants, where that is no request's

    def without_person(self) -> "Context":
        """For what is shown to all of one merchant who have one role: nothing in it is of one token or request."""
        return Context(self.principal.without_person(), "", self.settings, self.waker, self.feeds, spoken=languages())

    async def merchant(self) -> Merchant:
        """The merchant that is spoken for: whatever of an operation wants it at once, it is asked for once."""
        return await self.loaders.row(Merchant, self.principal.merchant_id)

    @property
    def cause(self) -> Cause:
        """Who wants what this operation does, and in which request: what is written with each row."""
        return cause_of(self.principal, self.request_id)


def cause_of(principal: Principal, request_id: str) -> Cause:
    """Who asks, by what they are known, and where the request that is being served came from."""
    token: UUID | None
    (address, agent), person = origin(), principal.person_id
    if person is None or principal.session_id is not None:  # a program's token, or a person's own
        token, session = principal.token_id, principal.session_id
    else:
        token, session = None, principal.token_id
    return Cause(request_id, principal.holder, principal.party, Doer(token, person, session, address, agent))


Info = StrawberryInfo[Context, None]
