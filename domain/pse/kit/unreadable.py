"""What every connector raises for an object of its PSE that it cannot read."""


class Unreadable(Exception):
    """A PSE's object that does not mean what its documents say: the words say which part."""
