"""How news leaves us."""
