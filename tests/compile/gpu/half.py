"""The process of the float16 tests: each GPU family's own kernels on an OpenCL device that has float16.

`python -m tests.compile.gpu.half` prints JSON: what the device says of itself, and for each family and network the
largest relative error of the logits against the reference, and the limit of that scheme.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from lab.compile.gpu import GPUS, Gpu
from lab.models.decoder.config import DecoderConfig
from lab.models.families import FAMILIES
from lab.models.params import rel_error_max
from lab.models.quant import SCHEMES
from tests.compile.building import rel_error
from tests.compile.gpu.network import GpuCompiled, stored
from tests.compile.network import Reference, config, random_weights, some_ids
from tests.models import trait_family as traits
from tests.opencl_device import facts

CASES = [("any-f16", "q4"), ("mali", "f16"), ("adreno", "q4"), ("apple", "q4")]
CASES += [("mali", "phi2"), ("apple", "phi3-small")]
NETWORKS = {
    "q4": ("q4", config(num_key_value_heads=1, vocab_size=331, sliding_window=37)),
    "f16": ("f16", config(num_key_value_heads=2)),
    "phi2": ("f16", traits.PHI2),
    "phi3-small": ("q4", traits.PHI3_SMALL),
}
FAMILIES[traits.NAME] = traits.ROW


def on_opencl(name: str) -> Gpu:
    """The family's record, with Metal's kernels taken to OpenCL."""
    return replace(GPUS[name], kind="opencl", required=("cl_khr_fp16",))


def worst_error(family: str, network: str) -> tuple[float, float]:
    """Return the error of prefill, a chunk after it and ten steps of decode, and the most it may be."""
    scheme_name, cfg = NETWORKS[network]
    gpu, scheme, weights = on_opencl(family), SCHEMES[scheme_name], weights_for(cfg)
    compiled, ids = GpuCompiled(cfg, scheme, gpu, weights), some_ids(90, cfg.vocab_size)
    ends = [67, 80, *range(81, 91)]
    want = wanted(cfg, kept(weights, scheme_name, gpu), ids, ends)
    compiled.start(len(ids))
    got = [compiled.feed(ids[first:end]) for first, end in zip([0, *ends], ends, strict=False)]
    errors = [rel_error(one, other) for one, other in zip(got, want, strict=True)]
    return float(max(errors)), rel_error_max(scheme, cfg.num_hidden_layers, gpu.layout)


def weights_for(cfg: DecoderConfig) -> dict[str, np.ndarray]:
    """Random weights of the network."""
    return traits.weights_of(cfg) if isinstance(cfg, traits.TraitConfig) else random_weights(cfg)


def wanted(cfg: DecoderConfig, weights: dict[str, np.ndarray], ids: np.ndarray, ends: list[int]) -> list[np.ndarray]:
    """The logits after so many of `ids`, of Phi-3 by transformers."""
    if isinstance(cfg, traits.TraitConfig):
        return [traits.wanted(cfg, weights, ids[:end]) for end in ends]
    return list(Reference(cfg, weights).logits(ids)[np.array(ends) - 1])


def kept(weights: dict[str, np.ndarray], scheme_name: str, gpu: Gpu) -> dict[str, np.ndarray]:
    """The weights that the family's layout really keeps, as float32."""
    if scheme_name == "f16":
        return {name: w if w.ndim == 1 else w.astype(np.float16).astype(np.float32) for name, w in weights.items()}
    return stored(weights, SCHEMES[scheme_name], gpu.layout)


def main() -> None:
    """Print the answer as JSON."""
    device = facts()
    errors = {f"{family}-{network}": worst_error(family, network) for family, network in CASES}
    print(json.dumps({"device": device, "errors": errors}))


if __name__ == "__main__":
    main()
