"""How every kernel is launched, read from the program as it is lowered."""

from __future__ import annotations

from typing import Any

import tvm
import tvm_ffi

from lab.compile.launch import Launch
from lab.core.errors import CompileError

_SPLIT = "tirx.SplitHostDevice"  # after it, device functions are on their own and still say their extents


@tvm.ir.instrument.pass_instrument
class LaunchRecorder:
    """Give it to `tvm.transform.PassContext(instruments=[...])`; afterwards `launches` has every kernel by name.

    `largest` is what a size that is known only at run time is taken to be.
    """

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.launches: dict[str, Launch] = {}
        self.functions: tuple[str, ...] = ()  # of the host code, that the runtime looks up by name

    def run_after_pass(self, module: Any, info: Any) -> None:
        """Read the kernels when host and device part."""
        if info.name != _SPLIT:
            return
        bodies = {var.name_hint: body for var, body in module.functions.items() if isinstance(body, tvm.tirx.PrimFunc)}
        device = {name: body for name, body in bodies.items() if "tirx.kernel_launch_params" in (body.attrs or {})}
        self.launches |= {name: self._launch(name, body) for name, body in device.items()}
        self.functions = (*self.functions, *(name for name in bodies if name not in device))

    def _launch(self, name: str, body: Any) -> Launch:
        extents: dict[str, int] = {}

        def visit(node: Any) -> None:
            if node.attr_key == "thread_extent":
                tag = node.node.thread_tag
                extents[tag] = max(extents.get(tag, 1), self._at_most(name, node.value))

        tvm_ffi.structural_walk(body.body, (tvm.tirx.AttrStmt, visit))
        groups, threads = (tuple(extents.get(f"{kind}Idx.{axis}", 1) for axis in "xyz") for kind in ("block", "thread"))
        return Launch(name, groups, threads)

    def _at_most(self, name: str, extent: Any) -> int:
        """Return the extent where every size in it is the largest."""
        largest = (tvm.tirx.Var, lambda size: tvm.tirx.const(self.largest, size.ty.dtype))
        value = tvm.sym.Analyzer().simplify(tvm_ffi.structural_map(extent, largest))
        if not isinstance(value, tvm.tirx.IntImm):
            raise CompileError(f"kernel {name}: how it is launched can't be told from {extent}")
        return int(value)
