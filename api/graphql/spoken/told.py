"""A field that tells a person something: the domain's English, said in the language that its reader asks for.

What is stored is the English sentence with its facts. It is known again by its words (messages), so that what was
written before a language was there is told in it too; what nobody has translated, and what people and PSEs wrote
themselves, stays as it is.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions.field_extension import FieldExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from api.graphql.spoken.languages import locale_of
from domain.platform.spoken.book import told_in


class InWords(FieldExtension):
    """Adds `locale` to a field of a sentence, and says the sentence in it."""

    def apply(self, field: StrawberryField) -> None:
        """The field with the argument; called once, as the schema is made."""
        locale = StrawberryArgument("locale", None, StrawberryAnnotation(str | None), default=None)
        field.arguments = [*field.arguments, locale]

    def resolve(
        self, next_: Callable[..., Any], source: Any, info: Any, locale: str | None = None, **named: Any
    ) -> Any:
        """What the field says, in words of the reader's. Raises InvalidInput: no such locale."""
        return _said(next_(source, info, **named), _language(source, info, locale))

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Any, locale: str | None = None, **named: Any
    ) -> Any:
        """As `resolve`, of a field that waits."""
        return _said(await next_(source, info, **named), _language(source, info, locale))


def told(description: str | None = None) -> Any:
    """A field of a type that is stored in English and told in the reader's language."""
    return strawberry.field(description=description, extensions=[InWords()])


def _language(source: Any, info: Any, locale: str | None) -> str:
    return locale_of(locale, getattr(source, "spoken", None) or info.context.spoken)


def _said(said: Any, locale: str) -> Any:
    if isinstance(said, str):
        return told_in(said, locale)
    return [_said(one, locale) for one in said] if isinstance(said, list) else said
