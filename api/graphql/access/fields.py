"""The fields of access: who asks, stores and merchants, people and tokens. schema.py has them beside the others."""

from typing import Annotated

import strawberry

from api.graphql.access import people, places, roles, tokens, viewer
from api.graphql.access.people import (
    GrantSetInput,
    Person,
    PersonInviteInput,
    PersonInvitePayload,
    PersonPayload,
    PersonUpdateInput,
    Session,
    SessionRevokeInput,
    SessionRevokePayload,
    SignInLinkCreateInput,
    SignInLinkCreatePayload,
)
from api.graphql.access.places import (
    MerchantCreateInput,
    MerchantCreatePayload,
    MerchantPayload,
    MerchantUpdateInput,
    StoreCreateInput,
    StorePayload,
    StoreUpdateInput,
)
from api.graphql.access.roles import AccessRole, RoleDeleteInput, RoleDeletePayload, RoleSaveInput, RoleSavePayload
from api.graphql.access.tokens import (
    CustomerTokenCreateInput,
    CustomerTokenCreatePayload,
    Token,
    TokenCreateInput,
    TokenMadePayload,
    TokenRevokeInput,
    TokenRevokePayload,
    TokenRotateInput,
)
from api.graphql.access.viewer import Colleague, Merchant, PermissionEnum, Store, Viewer
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.paging import PAGE_MAX, Connection, bounded, page
from domain.access import colleagues, merchants, service_tokens, sessions, stores
from domain.access import people as domain_people
from domain.access.permissions import Permission
from domain.platform.database import for_all


@strawberry.type
class AccessQuery:
    @strawberry.field(description="Whoever holds the token.")
    def viewer(self, info: Info) -> Viewer:
        return viewer.viewer(info.context.principal)

    @strawberry.field(description="The one that you speak for, and those that you have a part in. `first` is 1-100.")
    async def merchants(self, info: Info, first: int, after: str | None = None) -> Connection[Merchant]:
        readable = await merchants.readable(info.context.principal)
        with for_all("a person may have a part in several merchants, and only those are in the condition"):
            return await page(readable, first, after, Merchant.of)

    @strawberry.field(description="Those that you have anything to do with, newest first. `first` is 1-100.")
    async def stores(self, info: Info, first: int, after: str | None = None) -> Connection[Store]:
        return await page(stores.readable(info.context.principal), first, after, Store.of)

    @strawberry.field(description="Yours, and guests, newest first. `first` is 1-100. Needs MANAGE_PEOPLE.")
    async def people(self, info: Info, first: int, after: str | None = None) -> Connection[Person]:
        query = domain_people.readable(info.context.principal)
        return await page(query, first, after, lambda row: Person.of(row, info))

    @strawberry.field(
        description="Your merchant's people by name: those who have `may`, else all. `first` is 1-100. Needs "
        "WORK_FINDINGS or APPROVE."
    )
    async def colleagues(
        self, info: Info, may: Annotated[Permission, PermissionEnum] | None = None, first: int = PAGE_MAX
    ) -> list[Colleague]:
        found = await colleagues.names(info.context.principal, may, bounded(first))
        return [Colleague(person_id=strawberry.ID(str(one["id"])), name=one["name"]) for one in found]

    @strawberry.field(description="One of them, by the id. Needs MANAGE_PEOPLE.")
    async def person(self, info: Info, id: strawberry.ID) -> Person | None:
        row = await domain_people.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return Person.of(row, info) if row else None

    @strawberry.field(description="One of the tokens, by the id. Needs MANAGE_TOKENS.")
    async def token(self, info: Info, id: strawberry.ID) -> Token | None:
        row = await service_tokens.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return Token.of(row) if row else None

    @strawberry.field(description="One of the stores that you have anything to do with, by the id.")
    async def store(self, info: Info, id: strawberry.ID) -> Store | None:
        row = await stores.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return Store.of(row) if row else None

    @strawberry.field(description="Those that live, newest first. `first` is 1-100. Needs MANAGE_PEOPLE.")
    async def sessions(self, info: Info, first: int, after: str | None = None) -> Connection[Session]:
        return await page(sessions.readable(info.context.principal), first, after, Session.of)

    @strawberry.field(description="Those that are built in, and your own. Needs MANAGE_PEOPLE or MANAGE_TOKENS.")
    async def roles(self, info: Info, first: int = PAGE_MAX) -> list[AccessRole]:
        return (await roles.all_roles(info.context.principal))[: bounded(first)]

    @strawberry.field(description="Of programs, newest first, ended ones too. `first` is 1-100. Needs MANAGE_TOKENS.")
    async def tokens(self, info: Info, first: int, after: str | None = None) -> Connection[Token]:
        return await page(service_tokens.readable(info.context.principal), first, after, Token.of)


@strawberry.type
class AccessMutation:
    @strawberry.mutation(description="Make a merchant that you are the platform of. Needs MANAGE_MERCHANTS.")
    async def merchant_create(self, info: Info, input: MerchantCreateInput) -> MerchantCreatePayload:
        return await places.merchant_create(info, input)

    @strawberry.mutation(description="Change your merchant's name, zone or language. Needs MANAGE_STORES.")
    async def merchant_update(self, info: Info, input: MerchantUpdateInput) -> MerchantPayload:
        return await places.merchant_update(info, input)

    @strawberry.mutation(description="Needs MANAGE_STORES.")
    async def store_create(self, info: Info, input: StoreCreateInput) -> StorePayload:
        return await places.store_create(info, input)

    @strawberry.mutation(description="Needs MANAGE_STORES.")
    async def store_update(self, info: Info, input: StoreUpdateInput) -> StorePayload:
        return await places.store_update(info, input)

    @strawberry.mutation(description="Make a person, and a link that signs them in once. Needs MANAGE_PEOPLE.")
    async def person_invite(self, info: Info, input: PersonInviteInput) -> PersonInvitePayload:
        return await people.person_invite(info, input)

    @strawberry.mutation(description="Rename, suspend or have back one of your people. Needs MANAGE_PEOPLE.")
    async def person_update(self, info: Info, input: PersonUpdateInput) -> PersonPayload:
        return await people.person_update(info, input)

    @strawberry.mutation(description="Say all that a person may do at your merchant. Needs MANAGE_PEOPLE.")
    async def grant_set(self, info: Info, input: GrantSetInput) -> PersonPayload:
        return await people.grant_set(info, input)

    @strawberry.mutation(description="A new one-time link for one of your people. Needs MANAGE_PEOPLE.")
    async def sign_in_link_create(self, info: Info, input: SignInLinkCreateInput) -> SignInLinkCreatePayload:
        return await people.sign_in_link_create(info, input)

    @strawberry.mutation(description="Sign somebody out at once. Needs MANAGE_PEOPLE.")
    async def session_revoke(self, info: Info, input: SessionRevokeInput) -> SessionRevokePayload:
        return await people.session_revoke(info, input)

    @strawberry.mutation(description="Name a set of permissions, or change it. Needs MANAGE_PEOPLE.")
    async def role_save(self, info: Info, input: RoleSaveInput) -> RoleSavePayload:
        return await roles.role_save(info, input)

    @strawberry.mutation(description="Forget a role that nobody has. Needs MANAGE_PEOPLE.")
    async def role_delete(self, info: Info, input: RoleDeleteInput) -> RoleDeletePayload:
        return await roles.role_delete(info, input)

    @strawberry.mutation(description="Make a program's token. Needs MANAGE_TOKENS.")
    async def token_create(self, info: Info, input: TokenCreateInput) -> TokenMadePayload:
        return await tokens.token_create(info, input)

    @strawberry.mutation(description="A new token in the place of an old one, which goes on for a while.")
    async def token_rotate(self, info: Info, input: TokenRotateInput) -> TokenMadePayload:
        return await tokens.token_rotate(info, input)

    @strawberry.mutation(description="End a token at once. Needs MANAGE_TOKENS.")
    async def token_revoke(self, info: Info, input: TokenRevokeInput) -> TokenRevokePayload:
        return await tokens.token_revoke(info, input)

    @strawberry.mutation(
        description="A token for a customer's browser, made by your backend with its own token and never by a page:"
        " the browser then sees, or asks for, the refunds of one payment or of one payer "
        "(`customerTaxId`), for 1-60 minutes. Ask anew when it ends (401 UNAUTHENTICATED; a socket "
        "closes with 4401): it is not renewed. It may name few fields (docs/frontend.md); any other is "
        "refused as NOT_FOUND, which names the field and what it may name. To give SEE takes READ, to "
        "give ASK takes REFUND; both for the payment's store."
    )
    async def customer_token_create(self, info: Info, input: CustomerTokenCreateInput) -> CustomerTokenCreatePayload:
        return await tokens.customer_token_create(info, input)
