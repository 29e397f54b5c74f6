"""IQ4_XS, a 4-bit kind of weights that the gguf package reads and does not write.

A block of 256 numbers has a float16 scale, eight scales of 6 bits for 32 numbers each, and 4 bits a number that name
one of 16 fixed values: 4.25 bits a number. A scale makes the largest magnitude of its 32 numbers the outermost value;
llama-quantize searches for better ones. That costs accuracy and no speed: these files are for measuring speed.
"""

from __future__ import annotations

import gguf
import numpy as np
import numpy.typing as npt

from lab.models.quant import F16, F32, U8

I32 = npt.NDArray[np.int32]

BLOCK, GROUP = 256, 32
BLOCK_BYTES = 136
_VALUES = np.array(gguf.quants.IQ4_NL.kvalues, np.float32)
_BETWEEN = (_VALUES[1:] + _VALUES[:-1]) / 2
_LEAST_SCALE, _MOST_SCALE = -32, 31


def encode_iq4_xs(values: F32) -> U8:
    """Return rows of [rows, k] as bytes [rows, k / 256 * 136]; k is a multiple of 256."""
    rows, k = values.shape
    groups = values.reshape(-1, BLOCK // GROUP, GROUP)
    scale, steps = _scales(groups)
    unit = scale.astype(np.float32)[:, None] * steps
    scaled = np.divide(groups, unit[..., None], out=np.zeros_like(groups), where=unit[..., None] != 0)
    codes = np.searchsorted(_BETWEEN, scaled).astype(np.uint8)
    half = GROUP // 2
    packed = codes[..., :half] | codes[..., half:] << np.uint8(4)
    block = [scale.view(np.uint8).reshape(-1, 2), _packed_steps(steps), packed.reshape(len(groups), -1)]
    return np.concatenate(block, axis=1).reshape(rows, k // BLOCK * BLOCK_BYTES)


def _scales(groups: F32) -> tuple[F16, I32]:
    """Return a float16 scale a block [blocks] and a step of -32..31 a group [blocks, 8]; their product is a unit."""
    extreme = np.take_along_axis(groups, np.abs(groups).argmax(axis=-1, keepdims=True), axis=-1)[..., 0]
    wanted = extreme / _VALUES[0]
    largest = np.take_along_axis(wanted, np.abs(wanted).argmax(axis=-1, keepdims=True), axis=-1)[..., 0]
    scale = (largest / _LEAST_SCALE).astype(np.float16)
    whole = scale.astype(np.float32)[:, None]
    steps = np.divide(wanted, whole, out=np.zeros_like(wanted), where=whole != 0)
    return scale, np.clip(np.rint(steps), _LEAST_SCALE, _MOST_SCALE).astype(np.int32)


def _packed_steps(steps: I32) -> U8:
    """Return 6 bytes a block: the upper two bits of the eight steps + 32, then their lower four."""
    raised = (steps - _LEAST_SCALE).astype(np.uint16)
    upper = np.bitwise_or.reduce((raised >> 4) << np.arange(0, 16, 2, dtype=np.uint16), axis=1).astype(np.uint16)
    low = (raised & 15).astype(np.uint8)
    return np.concatenate([upper.view(np.uint8).reshape(-1, 2), low[:, 0::2] | low[:, 1::2] << np.uint8(4)], axis=1)
