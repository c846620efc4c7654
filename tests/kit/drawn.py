"""Seeds that mean the same whatever else was imported, and whatever was changed elsewhere."""

from hypothesis.internal.conjecture import providers


def draw_from_no_source() -> None:
    """Hypothesis mixes the literals of all our modules that were imported by then into what it draws.

    That helps a search. A seed would play another history as soon as somebody writes a new number anywhere.
    """
    none = providers._local_constants
    providers._get_local_constants = lambda: none
