"""The endpoints of a merchant, and which of them is meant by a name."""

from typing import Annotated, Any, Final
from uuid import UUID

import typer

from domain.platform.settings import Settings
from jobs.cli import client
from jobs.cli.commands import CommandError
from jobs.cli.nights import PAGES_MAX

Endpoint = Annotated[str, typer.Argument(help="The endpoint's name, or its id.")]
FIELDS: Final = """id kind name address storeId types leftKinds thin perMinute state why position failingSince failures
  oldSecretUntil lastSentAt pending"""
_LIST: Final = f"""query List($after: String) {{ endpoints(first: 100, after: $after) {{
  edges {{ node {{ {FIELDS} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""


def all_of(settings: Settings) -> list[dict[str, Any]]:
    """Each with FIELDS."""
    found: list[dict[str, Any]] = []
    after = None
    for _ in range(PAGES_MAX):
        page = client.ask(settings, _LIST, after=after)["endpoints"]
        found += [edge["node"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    return found


def id_of(settings: Settings, named: str) -> str:
    """The id of the endpoint of that name, or with that id. Raises CommandError."""
    try:
        return str(UUID(named))
    except ValueError:
        pass
    for one in all_of(settings):
        if one["name"] == named:
            return str(one["id"])
    raise CommandError(f"There is no endpoint {named}; `estorno endpoints list` tells their names.")
