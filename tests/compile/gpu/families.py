"""GPU records that the kernels are run for: float32 twins of the real ones, since PoCL has no float16."""

from __future__ import annotations

from dataclasses import replace

from lab.compile.gpu import GPUS

# Each takes another way through the kernels: 16 lanes; 4 lanes; 4 lanes and tiles copied to shared memory, as on Apple
# too. Elements of double size get double the shared memory, so that tiles are the real family's.
CPU_LIKE = GPUS["any-f32"]
UNSTAGED = replace(GPUS["mali"], name="mali-f32", storage="float32", shared_bytes=2 * GPUS["mali"].shared_bytes)
STAGED = replace(GPUS["adreno"], name="adreno-f32", storage="float32", shared_bytes=2 * GPUS["adreno"].shared_bytes)
FAMILIES = [CPU_LIKE, UNSTAGED, STAGED]
TWINS = [(GPUS["mali"], UNSTAGED), (GPUS["adreno"], STAGED), (GPUS["apple"], STAGED)]
