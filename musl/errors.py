"""`UsageError`: a request that cannot be carried out as it stands."""


class UsageError(Exception):
    """Wrong usage or unreadable input, as one clear line for the user (exit code 2)."""


class MachineError(Exception):
    """Something that MuSL needs is not on this machine, as one line that names it (exit code 1)."""
