"""What models cannot do here: a folder without a tokenizer, an adapter for another base, a server that is down."""

from __future__ import annotations


class ModelError(Exception):
    """One line for the user: what, where, what to do."""


class GenerationError(ModelError):
    """A model that cannot answer at all."""
