"""Words that messages about options share."""

from __future__ import annotations

from collections.abc import Iterable


def default_of(config: object, name: str) -> str:
    """The end of a message: a value that works."""
    return f"; the default is {getattr(type(config)(), name)}"


def words(values: Iterable[object]) -> str:
    """Values as they are typed after an option."""
    return " ".join(str(value) for value in values)
