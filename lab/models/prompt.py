"""The fixed prompt of every network, and the logits after it that a build is compared by."""

from __future__ import annotations

import numpy as np

PROMPT_TOKENS = 8
LOGITS = 256


def prompt_ids(vocab_size: int) -> list[int]:
    """Return the fixed prompt: 8 ids spread over the vocabulary, in no order."""
    spread = [(2 * i + 1) * vocab_size // (2 * PROMPT_TOKENS) for i in range(PROMPT_TOKENS)]
    return [spread[(3 * i + 1) % PROMPT_TOKENS] for i in range(PROMPT_TOKENS)]


def logit_ids(vocab_size: int) -> list[int]:
    """Return the ids whose logits are compared: at most 256, evenly spread, first and last included."""
    return sorted({int(i) for i in np.linspace(0, vocab_size - 1, LOGITS).round()})
