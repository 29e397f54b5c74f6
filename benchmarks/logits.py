"""Logits of the same ids from every side: transformers in float32, lab's compiled build, and llama.cpp."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
import torch

from lab.core.errors import MeasureError
from lab.core.progress import NullProgress
from lab.formats.manifest import GGUF_NAME
from lab.models.catalog import custom
from lab.models.gguf_file import write_gguf
from lab.models.gguf_types import gguf_tensors, gguf_types
from lab.models.phi3.config import Phi3Config
from lab.models.quant import F32, QuantScheme
from lab.models.sources import open_folder
from tests.compile.building import NATIVE
from tests.compile.network import Compiled, Reference
from tests.models.folders import write_single

Ids = npt.NDArray[np.int32]
Weights = Mapping[str, F32]

PROGRAM, VARIABLE = "llama-logits", "LAB_LLAMA_LOGITS"
ISA = NATIVE[0]  # the best that this machine runs


def of_transformers(config: Phi3Config, weights: Weights, ids: Ids) -> F32:
    """Logits of float32 weights and float32 activations. ids [windows, length] -> [windows, length, vocab]"""
    model = Reference(config, weights)
    return np.stack([model.logits(window) for window in ids])


def of_tvm(config: Phi3Config, scheme: QuantScheme, weights: Weights, ids: Ids) -> F32:
    """Logits of lab's build of float32 `weights`, token by token. ids [windows, length] -> [windows, length, vocab]"""
    compiled = Compiled(config, scheme, ISA, weights)
    out = np.empty((*ids.shape, config.vocab_size), np.float32)
    for window, rows in zip(ids, out, strict=True):
        compiled.start(len(window))
        for place, token in enumerate(window):
            rows[place] = compiled.feed(np.array([token]))
    return out


def of_llama(program: Path, model: Path, ids: Ids, threads: int, *, batch: bool = False) -> F32:
    """Logits of a GGUF by llama.cpp, token by token or each window at once. ids [windows, length] -> [..., vocab]"""
    source, out = model.with_name("ids.bin"), model.with_name("logits.bin")
    ids.astype(np.int32).tofile(source)
    flags = ["--batch"] if batch else []
    argv = [str(one) for one in (program, *flags, model, source, ids.shape[1], threads, out)]
    done = subprocess.run(argv, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise MeasureError(f"{PROGRAM} ended with {done.returncode}: {done.stderr.strip()}")
    return np.fromfile(out, np.float32).reshape(*ids.shape, -1)


def make_gguf(config: Phi3Config, scheme: QuantScheme, weights: Weights, folder: Path) -> Path:
    """Write `weights` as a Hugging Face folder, as users' own come, and have lab make its GGUF; return that file."""
    saved = write_single(folder / "huggingface", config, {name: torch.from_numpy(w) for name, w in weights.items()})
    source = open_folder(saved, config)
    return write_gguf(custom(config, scheme, f"tiny-{scheme.name}"), source, folder, NullProgress()) / GGUF_NAME


def stored_in(path: Path, config: Phi3Config, scheme: QuantScheme) -> dict[str, F32]:
    """The weights that a GGUF stands for, as float32 under Hugging Face's names."""
    found = {one.name: one for one in gguf.GGUFReader(path).tensors}
    model = custom(config, scheme, "tiny")
    wanted = [one for one in gguf_tensors(model, gguf_types(model)[0]) if one.hf_name is not None]
    return {str(one.hf_name): _plain(found[one.name]).reshape(one.shape) for one in wanted}


def _plain(tensor: gguf.ReaderTensor) -> F32:
    return np.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), np.float32)


def find_program() -> Path:
    """Return the llama-logits that $LAB_LLAMA_LOGITS names, else the one on PATH; MeasureError when there is none."""
    found = shutil.which(os.environ.get(VARIABLE) or PROGRAM)
    if found is None:
        hint = f"export {VARIABLE}=$(scripts/build-llama-bench --logits)"
        raise MeasureError(f"{PROGRAM} is neither what {VARIABLE} names nor on PATH", hint=hint)
    return Path(found).absolute()
