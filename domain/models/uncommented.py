"""Imported before the tables: Tortoise would parse each one's source again, for comments that describe its columns.

No table has such comments (`#:`), and to look for them took a fourth of each program's start.
"""

from tortoise import models


def _none(_: type[models.Model]) -> dict[str, str]:
    return {}


models._get_comments = _none  # type: ignore[assignment]  # a name of its own
