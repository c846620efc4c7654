"""Whose word is wanted beside the first one's, as filters name it."""

from api.graphql.transport.enums import described
from domain.access.second import SecondPerson

SecondPersonEnum = described(
    SecondPerson,
    "SecondPerson",
    "Whose word is wanted where one person has said something and another one must say the same.",
    {
        SecondPerson.ANYBODY: "That of anybody but the first, be it not yours.",
        SecondPerson.ME: "Yours counts: neither you nor whoever made the link you signed in by said the first.",
    },
)
