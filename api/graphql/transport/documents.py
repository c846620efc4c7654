"""Documents, each read once: parsed and checked within the limits, one at a time of all, and kept by its text."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from api.doors import Holder
from api.graphql.transport.codes import PARSE_FAILED, VALIDATION_FAILED, coded, exceeded
from api.graphql.transport.cost import Count
from api.graphql.transport.limits import Limits, check, check_cost
from api.graphql.transport.turns import Rotation
from api.graphql.transport.values import refused_variables
from api.places import Places
from api.rates import Rates

_KEPT: Final = 128
_TOO_MANY_TOKENS: Final = "Document contains more than {} tokens. Parsing aborted."  # as graphql-core says it
_ERRORS_MAX: Final = 10  # of validation, and one that says that there are more

# graphql-core compares fields of the same name pairwise, up to this budget; its default is seconds of CPU for one
# document. What our limits let through stays far below this one.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 10_000


class TooManyDocuments(Exception):
    """A token or its merchant has sent too many documents that nobody knew; `seconds` later it may send one."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom documents are read, how often that is done in a minute, and how many are executed live."""

    rates: Rates
    holder: Holder
    executions: Places = Places({})  # of live subscriptions, each for all who see the same


async def _count(asking: Reader) -> None:
    for kind, subject in (("document", asking.holder.token), ("merchant_document", asking.holder.merchant)):
        seconds = await asking.rates.seconds_to_wait(kind, subject)
        if seconds:
            raise TooManyDocuments(seconds)


# Strawberry hands a schema the document and not who sent it. None: nobody counts, in a tool or a test.
reader: ContextVar[Reader | None] = ContextVar("reader", default=None)


# What is wrong with a document because of who sent it, in an operation's context.
Hidden = Callable[[GraphQLSchema, DocumentNode, Any], list[GraphQLError]]


@dataclass(slots=True)
class KnownText:
    """A text that was sent before, and what was found: no document where it cannot be parsed."""

    document: DocumentNode | None
    errors: list[GraphQLError]
    cost_depends_on_variables: bool = False
    # What each operation asks for, by its name, where that depends on no variable.
    counts: Mapping[str | None, Count] = field(default_factory=dict)
    # What `live` finds out about its operations, by name.
    live: dict[str | None, Any] = field(default_factory=dict)


class DocumentCache:
    """Documents by their text, least recently used ones forgotten. One for each schema, shared by its requests."""

    def __init__(self, limits: Limits, *, introspection: bool = True, hidden: Hidden = lambda *_: []) -> None:
        self.limits = limits
        self._hidden = hidden
        self.read_count = 0
        extra: tuple[type[ASTValidationRule], ...] = (MaybeNullValidationRule, OneOfInputValidationRule)
        if not introspection:
            extra = (*extra, NoSchemaIntrospectionCustomRule)
        self._rules = (*specified_rules, *extra)
        self._kept: OrderedDict[str, KnownText] = OrderedDict()
        self._for_good: dict[str, KnownText] = {}
        self._rotation = Rotation()
        self._asked: Counter[str] = Counter()  # texts that somebody waits for

    @property
    def parse_options(self) -> dict[str, int]:
        """What the parser stops at: tokens and characters of one text."""
        return {"max_tokens": self.limits.tokens, "max_source_length": self.limits.characters}

    async def known(self, schema: GraphQLSchema, text: str) -> KnownText:
        """What is known of a text, which waits for its turn to be read when it is new. Raises TooManyDocuments."""
        found = self._found(text)
        if found is not None:
            return found
        asking = reader.get()
        if asking is not None and not self._asked[text]:
            await _count(asking)
        self._asked[text] += 1
        try:
            async with self._rotation.turn(asking and asking.holder.merchant):
                return self.read(schema, text)
        finally:
            self._asked[text] -= 1
            if not self._asked[text]:
                del self._asked[text]

    def read(self, schema: GraphQLSchema, text: str) -> KnownText:
        """What is known of a text, read at once when it is new."""
        found = self._found(text)
        if found is not None:
            return found
        self.read_count += 1
        made = self._made(schema, text)
        if len(text) <= self.limits.characters:
            self._kept[text] = made
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made

    def keep(self, schema: GraphQLSchema, text: str) -> KnownText:
        """Read a text, and never forget it."""
        made = self._for_good[text] = self._made(schema, text)
        return made

    def _found(self, text: str) -> KnownText | None:
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
        return found or self._for_good.get(text)

    def _made(self, schema: GraphQLSchema, text: str) -> KnownText:
        limits = self.limits
        try:
            self._refuse_long(text)
            document = parse(text, max_tokens=limits.tokens, max_source_length=limits.characters)
        except GraphQLError as error:
            return KnownText(None, [self._unparsed(error.with_traceback(None))])
        verdict = check(schema, document, limits)
        # Our limits come first: they bound what the rules of the specification have to walk through.
        errors = list(verdict.errors) or [
            coded(error, VALIDATION_FAILED)
            for error in validate(schema, document, self._rules, max_errors=_ERRORS_MAX, hide_suggestions=True)
        ]
        return KnownText(document, errors, verdict.cost_depends_on_variables, verdict.counts)

    def _refuse_long(self, text: str) -> None:
        """Where an error stands is found by walking through all lines before it, for each error again."""
        lines = text.count("\n") + text.count("\r") - text.count("\r\n") + 1
        for name, count, most in (
            ("characters", len(text), self.limits.characters),
            ("lines", lines, self.limits.lines),
        ):
            if count > most:
                raise exceeded(name, most, f"The document has more than {most} {name}; nothing was executed.")

    def _unparsed(self, error: GraphQLError) -> GraphQLError:
        if error.message.endswith(_TOO_MANY_TOKENS.format(self.limits.tokens)):
            said = f"The document has more than {self.limits.tokens} tokens; nothing was executed."
            return exceeded("tokens", self.limits.tokens, said)
        return coded(error, PARSE_FAILED)

    def errors(
        self, schema: GraphQLSchema, known: KnownText, name: str | None, variables: Any, context: Any = None
    ) -> list[GraphQLError]:
        """What is wrong with the operation `name`."""
        return self.verdict(schema, known, name, variables, context)[0]

    def verdict(
        self, schema: GraphQLSchema, known: KnownText, name: str | None, variables: Any, context: Any = None
    ) -> tuple[list[GraphQLError], Count | None]:
        """What is wrong with the operation `name`, and what it asks for, where that is known.

        Only the part that variables cannot change is remembered.
        """
        given = variables if isinstance(variables, dict) else {}
        refused = refused_variables(given, self.limits)
        if refused is not None:
            return [refused], None
        if known.errors or known.document is None:
            return list(known.errors), None
        if unseen := self._hidden(schema, known.document, context):
            return unseen, None
        if not known.cost_depends_on_variables:
            only = next(iter(known.counts.values())) if len(known.counts) == 1 else None
            return [], known.counts.get(name, only)
        return check_cost(schema, known.document, self.limits, name, given)
