"""`estorno store`, `estorno people` and the tokens of programs, through the API."""

from typing import Annotated, Any, Final
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table

from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.commands import CommandError

stores = typer.Typer(help="The merchant's stores.", no_args_is_help=True)
people = typer.Typer(help="People who sign in.", no_args_is_help=True)
merchants = typer.Typer(help="Merchants, where an installation serves several.", no_args_is_help=True)
_STORE: Final = f"""mutation Store($input: StoreCreateInput!) {{ storeCreate(input: $input) {{
  store {{ code name }} {client.ERRORS} }} }}"""
_STORES: Final = """query Stores($first: Int!, $after: String) { stores(first: $first, after: $after) {
  edges { node { code name payeeKey } } pageInfo { hasNextPage endCursor } } }"""
_INVITE: Final = f"""mutation Invite($input: PersonInviteInput!) {{ personInvite(input: $input) {{
  person {{ name email }} link {{ url expiresAt }} {client.ERRORS} }} }}"""
_PEOPLE: Final = """query People($first: Int!, $after: String) { people(first: $first, after: $after) {
  edges { node { id name email state grants(first: 20) { role storeCode } } } pageInfo { hasNextPage endCursor } } }"""
_LINK: Final = f"""mutation Link($input: SignInLinkCreateInput!) {{ signInLinkCreate(input: $input) {{
  link {{ url expiresAt }} {client.ERRORS} }} }}"""
_TOKENS: Final = """query Tokens($first: Int!, $after: String) { tokens(first: $first, after: $after) {
  edges { node { id name prefix expiresAt lastUsedAt revokedAt } } pageInfo { hasNextPage endCursor } } }"""
_ROTATE: Final = (
    f"""mutation Rotate($input: TokenRotateInput!) {{ tokenRotate(input: $input) {{ secret {client.ERRORS} }} }}"""
)
_MERCHANT: Final = f"""mutation Merchant($input: MerchantCreateInput!) {{ merchantCreate(input: $input) {{
  merchant {{ name }} token {client.ERRORS} }} }}"""
_MERCHANTS: Final = """query Merchants($first: Int!, $after: String) { merchants(first: $first, after: $after) {
  edges { node { id name country zone } } pageInfo { hasNextPage endCursor } } }"""
_REVOKE: Final = f"""mutation Revoke($input: TokenRevokeInput!) {{ tokenRevoke(input: $input) {{
  token {{ name prefix }} {client.ERRORS} }} }}"""


@stores.command("create")
def create_store(
    code: Annotated[str, typer.Argument(help="For life; 1-64 characters without spaces.")],
    name: Annotated[str, typer.Option(help="As people call it.")],
    payee_key: Annotated[str | None, typer.Option(help="The key or account that receives its payments.")] = None,
    contact: Annotated[str | None, typer.Option(help="How its customers reach it.")] = None,
    privacy_url: Annotated[str | None, typer.Option(help="Of its privacy notice, by https.")] = None,
) -> None:
    """Make a store."""
    about = {"payeeKey": payee_key, "contact": contact, "privacyUrl": privacy_url}
    given = {"code": code, "name": name, **about, "idempotencyKey": str(uuid4())}
    made = client.ask(Settings.read(), _STORE, input=given)["storeCreate"]["store"]
    typer.echo(f"Store {made['code']} ({made['name']}) is there.")


@stores.command("list")
def list_stores() -> None:
    """All stores."""
    table = Table("Code", "Name", "Payee key")
    for one in _all(_STORES, "stores"):
        table.add_row(one["code"], one["name"], one["payeeKey"] or "")
    Console(soft_wrap=False).print(table)


@people.command("invite")
def invite(
    email: Annotated[str, typer.Argument(help="Who they are, for life.")],
    name: Annotated[str, typer.Option(help="As people call them.")],
    role: Annotated[list[str], typer.Option(help="ROLE, or ROLE:STORE for one store; may be given often.")],
) -> None:
    """Make a person, and a link that signs them in once."""
    grants = [_grant(one) for one in role]
    given = {"email": email, "name": name, "grants": grants, "idempotencyKey": str(uuid4())}
    made = client.ask(Settings.read(), _INVITE, input=given)["personInvite"]
    typer.echo(f"{made['person']['name']} can sign in once, until {made['link']['expiresAt']}, at")
    typer.echo(f"  {made['link']['url']}")


def _grant(text: str) -> dict[str, str | None]:
    role, _, store = text.partition(":")
    return {"role": role, "storeCode": store or None}


@people.command("link")
def link(email: Annotated[str, typer.Argument(help="Of one of your people.")]) -> None:
    """A new link that signs somebody in once; earlier ones work no more."""
    found = [one["id"] for one in _all(_PEOPLE, "people") if one["email"] == email]
    if not found:
        raise CommandError(f"There is nobody with the address {email!r}; `estorno people list` shows yours.")
    made = client.ask(Settings.read(), _LINK, input={"personId": found[0]})["signInLinkCreate"]
    typer.echo(f"Until {made['link']['expiresAt']}:\n  {made['link']['url']}")


@people.command("list")
def list_people() -> None:
    """All people, and what they may do."""
    table = Table("Name", "E-mail", "State", "Roles")
    for one in _all(_PEOPLE, "people"):
        roles = ", ".join(f"{grant['role']}:{grant['storeCode'] or '*'}" for grant in one["grants"])
        table.add_row(one["name"], one["email"], one["state"], roles)
    Console(soft_wrap=False).print(table)


def list_tokens() -> None:
    """The tokens of programs: how they begin, until when they work, when they were used last."""
    for one in _all(_TOKENS, "tokens"):
        state = f"revoked {one['revokedAt'][:16]}" if one["revokedAt"] else f"until {one['expiresAt'][:16]}"
        used = f"used {one['lastUsedAt'][:16]}" if one["lastUsedAt"] else "never used"
        typer.echo(f"{one['id']}  {one['prefix']}...  {one['name'] or ''}")
        typer.echo(f"    {state}, {used}")


def revoke_token(token_id: Annotated[str, typer.Argument(help="Of `estorno token list`.")]) -> None:
    """End a token at once, everywhere."""
    client.ask(Settings.read(), _REVOKE, input={"tokenId": token_id})
    typer.echo("Revoked: no process takes it any more within 5 seconds.")


def rotate_token(
    token_id: Annotated[str, typer.Argument(help="Of `estorno token list`.")],
    overlap_hours: Annotated[int, typer.Option(help="How long the old one still works.", min=0, max=744)] = 24,
    days: Annotated[int, typer.Option(help="How long the new one works.", min=1, max=366)] = 90,
) -> None:
    """A new token in the place of an old one. It is shown once."""
    given = {"tokenId": token_id, "overlapHours": overlap_hours, "days": days, "idempotencyKey": str(uuid4())}
    typer.echo(client.ask(Settings.read(), _ROTATE, input=given)["tokenRotate"]["secret"])


@merchants.command("create")
def create_merchant(
    name: Annotated[str, typer.Argument(help="Whose refunds they are.")],
    country: Annotated[str, typer.Option(help="ISO 3166, as BR.")],
    zone: Annotated[str, typer.Option(help="IANA, as America/Sao_Paulo; of the accounting date.")],
) -> None:
    """Make a merchant that this installation serves too; its first token is shown once."""
    given = {"name": name, "country": country, "zone": zone, "idempotencyKey": str(uuid4())}
    made = client.ask(Settings.read(), _MERCHANT, input=given)["merchantCreate"]
    typer.echo(f"{made['merchant']['name']} is there. An ADMIN token of it, for 24 hours:")
    typer.echo(f"  {made['token']}")


@merchants.command("list")
def list_merchants() -> None:
    """The merchants that you have a part in."""
    for one in _all(_MERCHANTS, "merchants"):
        typer.echo(f"{one['name']} ({one['country']}, {one['zone']}): {one['id']}")


def _all(document: str, field: str) -> list[dict[str, Any]]:
    settings, found, after = Settings.read(), [], None
    while True:
        told = client.ask(settings, document, first=100, after=after)[field]
        found += [edge["node"] for edge in told["edges"]]
        after = told["pageInfo"]["endCursor"]
        if not told["pageInfo"]["hasNextPage"]:
            return found
