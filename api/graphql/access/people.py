"""People: who they are, what they may do, how they get in, and their sessions."""

from typing import Annotated

import strawberry

from api.graphql.access.grants import Grant, GrantInput, wanted_of
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import AccessError
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import DateTime
from domain.access import grants, people, sessions
from domain.access.people import Link, PersonState
from domain.models import Person as Row
from domain.models import Session as SessionRow

PersonStateEnum = strawberry.enum(PersonState, name="PersonState", description="Whether somebody can sign in.")


@strawberry.type(description="Somebody who signs in.")
class Person:
    id: strawberry.ID
    name: str
    email: str = strawberry.field(description="Who they are, for life; another address is another person.")
    state: Annotated[PersonState, PersonStateEnum]
    guest: bool = strawberry.field(description="Another merchant's: that one manages who they are.")
    created_at: DateTime
    created_by: str
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row, info: Info) -> "Person":
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            email=row.email,
            state=PersonState(row.state),
            guest=row.merchant_id != info.context.principal.merchant_id,
            created_at=DateTime(row.created_at),
            created_by=row.created_by,
            row=row,
        )

    @strawberry.field(description="What they may do at your merchant, oldest first. `first` is 1-100.")
    async def grants(self, info: Info, first: int = PAGE_MAX) -> list[Grant]:
        here = info.context.principal.merchant_id
        found = await info.context.loaders.one(grants.of_people_at(here), self.row.id)
        return [Grant.of(row) for row in (found or [])[: bounded(first)]]


@strawberry.type(description="A person who has signed in.")
class Session:
    id: strawberry.ID
    person_id: strawberry.ID
    created_at: DateTime
    last_seen_at: DateTime = strawberry.field(description="To the minute.")
    expires_at: DateTime
    revoked_at: DateTime | None

    @classmethod
    def of(cls, row: SessionRow) -> "Session":
        return cls(
            id=strawberry.ID(str(row.id)),
            person_id=strawberry.ID(str(row.person_id)),
            created_at=DateTime(row.created_at),
            last_seen_at=DateTime(row.last_seen_at),
            expires_at=DateTime(row.expires_at),
            revoked_at=DateTime(row.revoked_at) if row.revoked_at else None,
        )


@strawberry.type(description="Signs the person in, once. Give it to them by a way that you trust.")
class SignInLink:
    url: str
    expires_at: DateTime

    @classmethod
    def of(cls, link: Link, info: Info) -> "SignInLink":
        base = info.context.settings.address
        return cls(url=f"{base}/sign-in/link/{link.secret}", expires_at=DateTime(link.expires_at))


@strawberry.input
class PersonInviteInput:
    name: str
    email: str
    grants: list[GrantInput] = strawberry.field(description="At most 100; nothing that you do not hold yourself.")
    idempotency_key: str


@strawberry.input
class PersonUpdateInput:
    person_id: strawberry.ID
    name: str | None = None
    state: Annotated[PersonState, PersonStateEnum] | None = strawberry.field(
        default=None, description="SUSPENDED: signed out at once, everywhere."
    )


@strawberry.input
class GrantSetInput:
    person_id: strawberry.ID
    grants: list[GrantInput] = strawberry.field(description="All that they may do at your merchant from now on.")


@strawberry.input
class SignInLinkCreateInput:
    person_id: strawberry.ID


@strawberry.input
class SessionRevokeInput:
    session_id: strawberry.ID


@strawberry.type
class PersonInvitePayload:
    person: Person | None
    link: SignInLink | None = strawberry.field(description="Told this once; null where the same key had invited them.")
    errors: list[AccessError]
    request_id: str
    replayed: bool


@strawberry.type
class PersonPayload:
    person: Person | None
    errors: list[AccessError]
    request_id: str


@strawberry.type(description="A new link closes the one before.")
class SignInLinkCreatePayload:
    link: SignInLink | None
    errors: list[AccessError]
    request_id: str


@strawberry.type
class SessionRevokePayload:
    session: Session | None
    errors: list[AccessError]
    request_id: str


@answering(PersonInvitePayload)
async def person_invite(info: Info, input: PersonInviteInput) -> PersonInvitePayload:
    context = info.context
    done = await people.invite(
        context.principal, input.name, input.email, wanted_of(input.grants), input.idempotency_key, context.cause
    )
    return PersonInvitePayload(
        person=Person.of(done.person, info),
        link=SignInLink.of(done.link, info) if done.link else None,
        errors=[],
        request_id=context.request_id,
        replayed=done.link is None,
    )


@answering(PersonPayload)
async def person_update(info: Info, input: PersonUpdateInput) -> PersonPayload:
    person_id = ids.uuid_of(input.person_id, ["input", "personId"])
    row = await people.update(info.context.principal, person_id, input.name, input.state, info.context.cause)
    return PersonPayload(person=Person.of(row, info), errors=[], request_id=info.context.request_id)


@answering(PersonPayload)
async def grant_set(info: Info, input: GrantSetInput) -> PersonPayload:
    context = info.context
    person_id = ids.uuid_of(input.person_id, ["input", "personId"])
    row = await grants.give_person(context.principal, person_id, wanted_of(input.grants), context.cause)
    return PersonPayload(person=Person.of(row, info), errors=[], request_id=context.request_id)


@answering(SignInLinkCreatePayload)
async def sign_in_link_create(info: Info, input: SignInLinkCreateInput) -> SignInLinkCreatePayload:
    context = info.context
    person_id = ids.uuid_of(input.person_id, ["input", "personId"])
    _, link = await people.sign_in_link(context.principal, person_id, context.cause)
    return SignInLinkCreatePayload(link=SignInLink.of(link, info), errors=[], request_id=context.request_id)


@answering(SessionRevokePayload)
async def session_revoke(info: Info, input: SessionRevokeInput) -> SessionRevokePayload:
    session_id = ids.uuid_of(input.session_id, ["input", "sessionId"])
    row = await sessions.revoke(info.context.principal, session_id, info.context.cause)
    return SessionRevokePayload(session=Session.of(row), errors=[], request_id=info.context.request_id)
