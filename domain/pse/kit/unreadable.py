"""The one error of reading a PSE's objects; a connector tells it on as the answer, notice or report that was bad."""


class Unreadable(Exception):
    """A PSE's object that does not mean what its documents say: the words say which part."""
