"""Killing our programs at every named point, and seeing that nothing is lost or done twice."""
