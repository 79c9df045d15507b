"""`PretrainError`: a request for pretraining that cannot be carried out, as one line for the person who asked."""


class PretrainError(ValueError):
    """What, where, and what to do, in one line."""
