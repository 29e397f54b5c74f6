"""Whether llama.cpp computes of our GGUFs what transformers computes: a small network of every family, logit by logit.

    export LAB_LLAMA_LOGITS=$(scripts/build-llama-bench --logits)
    python -m benchmarks.family_logits

Each network is saved by transformers, made a GGUF in float32, and run by llama.cpp with its float16 cache. Names, the
order of rows, rotary settings, biases, norms and factors are all in the numbers: a mistake in one of them is an error
of order 1, where the cache's rounding makes 0.002. Ends with 1 where one is above 0.01.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.logits import find_program, of_llama
from lab.core.errors import LabError
from lab.core.progress import NullProgress
from lab.formats.manifest import GGUF_NAME
from lab.models.catalog import custom
from lab.models.decoder.config import DecoderConfig
from lab.models.gguf_file import write_gguf
from lab.models.quant import SCHEMES
from lab.models.sources import HuggingFaceSource
from tests.compile.building import rel_error
from tests.models import small_families, transformers_folder

LENGTH = 48
MOST = 0.01


def main() -> int:
    """Print a line a network; 0 where all agree, 1 where one does not or the program is missing."""
    try:
        program = find_program()
    except LabError as problem:
        print(f"error: {problem.what}\nhint: {problem.hint}", file=sys.stderr)
        return 1
    errors = {name: error_of(program, config) for name, config in networks().items()}
    for name, error in errors.items():
        print(f"{name:24} {error:.4f}")
    return int(max(errors.values()) > MOST)


def networks() -> dict[str, DecoderConfig]:
    """Return the small networks, LongRoPE's with its original context alone: of others llama.cpp takes long factors."""
    longest = small_families.PHI4.max_position_embeddings
    short = replace(small_families.PHI4, original_max_position_embeddings=longest)
    return {**small_families.ALL, "phi4": short}


def error_of(program: Path, config: DecoderConfig) -> float:
    """Return the norm of the difference of both sides' logits over that of transformers'."""
    ids = np.array([[(37 * i + 5) % config.vocab_size for i in range(LENGTH)]], np.int32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        want = transformers_folder.logits(transformers_folder.write(folder / "hf", config), ids[0].tolist())
        spec, source = custom(config, SCHEMES["f32"], "tiny-f32"), HuggingFaceSource(folder / "hf")
        model = write_gguf(spec, source, folder, NullProgress()) / GGUF_NAME
        return rel_error(of_llama(program, model, ids, threads=2)[0], want)


if __name__ == "__main__":
    sys.exit(main())
