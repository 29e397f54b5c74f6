"""A small Phi-3 compiled for an OpenCL device and run there as the runner runs it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping

import numpy as np
import tvm
from tvm import relax

from lab.compile.gpu import Gpu
from lab.compile.link import linker
from lab.compile.tvm_backend import build_executable, export_model
from lab.models.catalog import ModelSpec, custom
from lab.models.decoder.tensors import EMBEDDING
from lab.models.layouts import LAYOUTS, layout_named
from lab.models.params import param_specs
from lab.models.phi3.config import Phi3Config
from lab.models.quant import QuantScheme, dequantise
from tests.compile.network import Compiled
from tests.opencl_device import opencl_device

MTRIPLE = "x86_64-unknown-linux-gnu"


def packed(spec: ModelSpec, weights: Mapping[str, np.ndarray], layout: str) -> list[np.ndarray]:
    """The parameters in the order and layout of weights.bin."""
    out = []
    for param in param_specs(spec.config, spec.scheme, layout):
        w = weights[param.hf_name]
        packing = layout_named(layout, spec.scheme, embedding=param.hf_name == EMBEDDING)
        if param.part == "w":
            out.append(w.astype(param.dtype) if w.ndim == 1 else packing.pack_dense(w.astype(param.dtype)))
            continue
        q, scale = LAYOUTS[layout].formula(w)
        out.append(packing.pack_q(q, 4) if param.part == "q" else packing.pack_scale(scale))
    return out


def stored(weights: Mapping[str, np.ndarray], scheme: QuantScheme, layout: str) -> dict[str, np.ndarray]:
    """The weights that a layout really keeps, as float32."""
    if not scheme.quantised:
        return dict(weights)
    return {n: w if w.ndim == 1 else dequantise(*LAYOUTS[layout].formula(w)) for n, w in weights.items()}


class GpuCompiled(Compiled):
    """The functions of the model-library ABI on the device."""

    def __init__(self, cfg: Phi3Config, scheme: QuantScheme, gpu: Gpu, weights: Mapping[str, np.ndarray]) -> None:
        spec, self.device = custom(cfg, scheme, f"tiny-{scheme.name}"), opencl_device()
        built = build_executable(export_model(spec, gpu), MTRIPLE, gpu)
        with tempfile.TemporaryDirectory() as folder:
            built.export_library(f"{folder}/model.so", fcompile=linker(MTRIPLE))
            self.vm = relax.VirtualMachine(tvm.runtime.load_module(f"{folder}/model.so"), self.device)
        self.params = [tvm.runtime.tensor(p, self.device) for p in packed(spec, weights, gpu.layout)]

    def feed(self, ids: np.ndarray, name: str = "") -> np.ndarray:
        """Append ids and return the logits of the last one; by the function of that name, else by their number."""
        return self._forward(self.vm["embed"](tvm.runtime.tensor(ids.astype(np.int32), self.device), self.params), name)

    def feed_rows(self, rows: np.ndarray) -> np.ndarray:
        """Append embedded tokens [n, hidden] and return the logits of the last one."""
        return self._forward(tvm.runtime.tensor(rows.astype(np.float32), self.device))

    def _forward(self, x: tvm.runtime.Tensor, name: str = "") -> np.ndarray:
        shapes = (tvm.runtime.ShapeTuple([0]), tvm.runtime.ShapeTuple([x.shape[0]]))
        tvm.get_global_func("vm.builtin.kv_state_begin_forward")(self.cache, *shapes)
        step = name or ("decode" if x.shape[0] == 1 else "prefill")
        x = tvm.get_global_func("vm.builtin.reshape")(x, tvm.runtime.ShapeTuple([1, *x.shape]))
        logits = self.vm[step](x, self.cache, self.params)[0].numpy()
        tvm.get_global_func("vm.builtin.kv_state_end_forward")(self.cache)
        return logits[0, 0]
