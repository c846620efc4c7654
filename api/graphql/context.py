"""What every resolver is given: the principal, the request's ID, the settings, and loaders of this operation only."""

from dataclasses import dataclass

from strawberry.types import Info as StrawberryInfo

from api.graphql.transport.feeds import Feeds
from api.graphql.transport.follow import Waker
from domain.access.tokens import Principal
from domain.cause import Cause
from domain.platform.settings import Settings


@dataclass(slots=True)
class Context:
    """One request's (or one socket's) surroundings."""

    principal: Principal
    request_id: str
    settings: Settings
    waker: Waker
    feeds: Feeds

    def without_person(self) -> "Context":
        """For what is shown to all of one merchant who have one role: nothing in it is of one token or request."""
        return Context(self.principal.without_person(), "", self.settings, self.waker, self.feeds)

    @property
    def cause(self) -> Cause:
        return Cause(self.request_id, self.principal.holder)


Info = StrawberryInfo[Context, None]
