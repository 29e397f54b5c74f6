"""How near one set of logits is to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.core.errors import MeasureError

Logits = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Agreement:
    """`rel_error` is the norm of the difference over the norm of the reference, over all positions.

    `rel_error_worst` is the same for the worst single position; `kl_divergence_nats` is the mean over
    positions of KL(reference || got) between the softmaxes; `argmax_agreement` is the fraction of positions
    whose largest logit is the same token. `passed` when the worst position is within `rel_error_max`; `jointly`, when
    all of them together are: a few scores may be near 0 by chance, and their error is not smaller then.
    """

    positions: int
    rel_error: float
    rel_error_worst: float
    rel_error_max: float
    abs_error_max: float
    kl_divergence_nats: float
    argmax_agreement: float
    passed: bool
    jointly: bool = False


def agreement(got: Logits, want: Logits, rel_error_max: float, *, jointly: bool = False) -> Agreement:
    """Hold logits `got` against the reference `want`, both [positions, vocab]; MeasureError if unlike."""
    if got.shape != want.shape or got.ndim != 2:
        raise MeasureError(f"logits of shape {got.shape} cannot be compared with a reference of {want.shape}")
    ours, reference = got.astype(np.float64), want.astype(np.float64)
    errors = _relative(ours - reference, reference)
    whole = float(_relative((ours - reference).reshape(1, -1), reference.reshape(1, -1))[0])
    worst = float(errors.max())
    return Agreement(
        positions=int(got.shape[0]),
        rel_error=whole,
        rel_error_worst=worst,
        rel_error_max=rel_error_max,
        abs_error_max=float(np.abs(ours - reference).max()),
        kl_divergence_nats=float(_divergence(reference, ours).mean()),
        argmax_agreement=float((ours.argmax(axis=1) == reference.argmax(axis=1)).mean()),
        passed=bool((whole if jointly else worst) <= rel_error_max),  # false for NaN, as it has to be
        jointly=jointly,
    )


def _relative(difference: Logits, reference: Logits) -> npt.NDArray[np.float64]:
    """Norm over norm of each row; a reference of zeros is matched only by zeros."""
    above, below = np.linalg.norm(difference, axis=1), np.linalg.norm(reference, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(above == 0, 0.0, above / below)


def _divergence(reference: Logits, got: Logits) -> npt.NDArray[np.float64]:
    """KL(softmax(reference) || softmax(got)) of each row, in nats."""
    p, q = _log_softmax(reference), _log_softmax(got)
    return np.asarray((np.exp(p) * (p - q)).sum(axis=1), dtype=np.float64)


def _log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)
