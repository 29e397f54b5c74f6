"""The layouts of weights.bin by name.

"n16k4" is for this project's own kernels on CPUs, "mlc" for MLC-LLM's libraries, "mlc-kn" and "mlc-kn-f32" for kernels
on GPUs.
"""

from __future__ import annotations

from lab.core.errors import ModelError
from lab.models.layouts.kn import KN_F16, KN_F32, table_of
from lab.models.layouts.layout import Layout
from lab.models.layouts.mlc import MLC
from lab.models.layouts.n16k4 import N16K4
from lab.models.quant import QuantScheme

__all__ = ["LAYOUTS", "Layout", "layout_named"]

LAYOUTS = {layout.name: layout for layout in (N16K4, MLC, KN_F16, KN_F32)}
_TABLES = {layout.name: table_of(layout) for layout in (KN_F16, KN_F32)}


def layout_named(name: str, scheme: QuantScheme, *, embedding: bool = False) -> Layout:
    """Return the layout called `name`, of matrices or of the embedding table.

    Raises ModelError when there is none, or it can't hold `scheme`.
    """
    if name not in LAYOUTS:
        raise ModelError(f"unknown weight layout {name!r}; known: {', '.join(LAYOUTS)}")
    if not LAYOUTS[name].holds(scheme):
        raise _cannot_hold(name, scheme)
    return _TABLES.get(name, LAYOUTS[name]) if embedding else LAYOUTS[name]


def _cannot_hold(name: str, scheme: QuantScheme) -> ModelError:
    if scheme.mlc_name is None:
        return ModelError(f"{scheme.name}: MLC-LLM has no such quantisation", hint="`lab models` lists what has one")
    other = "f16" if scheme.name == "f32" else "f32"
    return ModelError(
        f"{scheme.name}: weight layout {name} holds q4 and {other}",
        hint=f"choose a model with {other} or q4, or a GPU family that computes in {scheme.weight_dtype}",
    )
