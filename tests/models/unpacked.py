"""Reading weights.bin by the manifest and the layout's description alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lab.models.quant import F32


def tensors(folder: Path) -> dict[str, np.ndarray]:
    """Return every tensor of a weights folder as it is stored."""
    data = (folder / "weights.bin").read_bytes()
    document = json.loads((folder / "manifest.json").read_text())
    found = {}
    for entry in document["tensors"]:
        raw = data[entry["offset"] : entry["offset"] + entry["nbytes"]]
        found[entry["name"]] = np.frombuffer(raw, entry["dtype"]).reshape(entry["shape"])
    return found


def matrix(stored: dict[str, np.ndarray], base: str, rows: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return integers [rows, K] and scales [rows, K/32] of a matrix, or its floats and None."""
    if f"{base}.weight" in stored:
        packed = stored[f"{base}.weight"]
        out = np.array([[packed[n // 16, k, n % 16] for k in range(packed.shape[1])] for n in range(rows)])
        return out, None
    packed, scales = stored[f"{base}.q_weight"], stored[f"{base}.q_scale"]
    q = np.zeros((rows, packed.shape[1] * 32), int)
    for n, k in np.ndindex(q.shape):
        g, inside = divmod(k, 32)
        if packed.shape[2] == 4:
            j, rest = divmod(inside, 8)
            half, t = divmod(rest, 4)
            q[n, k] = (int(packed[n // 16, g, j, (n % 16) * 4 + t]) >> (4 * half) & 15) - 8
        else:
            j, t = divmod(inside, 4)
            q[n, k] = int(packed[n // 16, g, j, (n % 16) * 4 + t]) - 128
    return q, np.array([[scales[n // 16, g, n % 16] for g in range(scales.shape[1])] for n in range(rows)])


def values(stored: dict[str, np.ndarray], base: str, rows: int) -> F32:
    """Return the float32 weights [rows, K] that are stored."""
    q, scale = matrix(stored, base, rows)
    if scale is None:
        return q.astype(np.float32)
    return q.astype(np.float32) * np.repeat(scale.astype(np.float32), 32, axis=1)
