"""Names for the resources of one server that many test modules share."""

from __future__ import annotations

import itertools

_counter = itertools.count()


def unique(prefix: str) -> str:
    """A name that no other test has."""
    return f"{prefix}-{next(_counter)}"
