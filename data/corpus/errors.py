"""`DataError`: data that cannot be read or written, as one line for the person who asked."""

from __future__ import annotations


class DataError(ValueError):
    """What, where, and what to do, in one line."""


def one_line(error: BaseException) -> str:
    """The error's first sentence, blanks collapsed, short enough for one line."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(reason).split())[:200]
