"""`own_seed`: the seed of one sample of one prompt."""

from __future__ import annotations

import hashlib


def own_seed(seed: int, prompt_id: str, sample: int) -> int:
    """A seed of 63 bits for one sample of one prompt, so that ids and samples never share their random numbers."""
    digest = hashlib.sha256(f"{seed}\0{sample}\0{prompt_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
