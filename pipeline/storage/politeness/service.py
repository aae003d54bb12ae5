"""A server that everybody here asks together, and its rules."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """What a server asks of those who use it."""

    name: str
    """Whoever uses this name shares one limit."""
    connections: int
    """Requests at once, of all together."""
    blocked: str
    """What it means, and what to do, if the server wants nothing more of us."""
    apart_seconds: float = 0.0
    """Between the beginnings of two requests."""
    pause_seconds: float = 1.0
    """After a refusal that does not say how long."""
    pause_growth: float = 1.0
    """How much longer the pause is after each further refusal of one request."""
    longest_pause_seconds: float = 600.0
    """However long the server says."""
    refused_seconds: float = 3600.0
    """A server that refuses one request for so long ends the run."""
