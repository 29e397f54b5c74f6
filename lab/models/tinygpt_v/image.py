"""The image that an encoder reads: a file, or one that is made up and the same everywhere."""

from __future__ import annotations

import numpy as np

from lab.models.quant import F32

_STEP = np.uint64(0x9E3779B97F4A7C15)


def synthetic_image(rows: int, columns: int) -> F32:
    """Return patches [rows, columns] of a made-up image; the row for the whole image, the first, is 0.

    Value i of what follows is splitmix64's i-th number from seed 0, as a multiple of 2**-22 in -2 to 2: the range of
    normalised pixels. The runner on a device makes the same (image.cc).
    """
    count = np.arange(1, (rows - 1) * columns + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        mixed = count * _STEP
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    values = (mixed >> np.uint64(40)).astype(np.float32) * np.float32(2**-22) - np.float32(2)
    return np.concatenate([np.zeros((1, columns), np.float32), values.reshape(rows - 1, columns)])
