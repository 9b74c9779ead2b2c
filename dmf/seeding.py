"""Seeds as pure functions: the same words always give the same stream, on every machine."""

import hashlib


def derive(seed: int, *words: str | int) -> int:
    """A 63-bit seed from a base seed and any words, e.g. ``derive(seed, "batches", epoch)``.

    Streams made from different words are independent, so adding a consumer of randomness never shifts another.
    """
    text = "/".join(str(word) for word in (seed, *words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
