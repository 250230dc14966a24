"""Words that messages about options share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def default_of(config: object, name: str) -> str:
    """The end of a message: a value that works."""
    return f"; the default is {getattr(type(config)(), name)}"


def they_are(options: Sequence[str]) -> str:
    """Options as the subject of a sentence: "--a is", "--a and --b are"."""
    return f"{' and '.join(options)} {'is' if len(options) == 1 else 'are'}"


def words(values: Iterable[object]) -> str:
    """Values as they are typed after an option."""
    return " ".join(str(value) for value in values)
