"""Killing our programs at every named point, and comparing the books with the sandbox's own log."""
