"""What a schema says of itself, place by place."""

from graphql import GraphQLSchema

from api.graphql.described import name_within, places_of, types_of, written


def missing(schema: GraphQLSchema) -> list[str]:
    """The places that say nothing."""
    return [told.place for type_ in types_of(schema) for told in places_of(type_) if not told.thing.description]


def places(schema: GraphQLSchema) -> set[str]:
    """Everything that can have a description."""
    return {told.place for type_ in types_of(schema) for told in places_of(type_)}


def all_said(schema: GraphQLSchema) -> list[tuple[str, str]]:
    """Every place with what it says."""
    return [(told.place, told.thing.description or "") for type_ in types_of(schema) for told in places_of(type_)]


def deprecated(schema: GraphQLSchema) -> list[tuple[str, str]]:
    """The places that are to go, each with the reason that is given."""
    found = (
        (told.place, getattr(told.thing, "deprecation_reason", None))
        for type_ in types_of(schema)
        for told in places_of(type_)
    )
    return [(place, reason) for place, reason in found if reason is not None]


def twice(schema: GraphQLSchema) -> list[str]:
    """The places of which a file says something that nobody reads: the code says something else."""
    return [
        told.place
        for type_ in types_of(schema)
        for told in places_of(type_)
        if written().get(type_.name, {}).get(name_within(type_, told)) not in (None, told.thing.description)
    ]
