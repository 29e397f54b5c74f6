"""The passes from Relax modules to a VM executable, in numbered phases that can be dumped one by one.

`LaunchRecorder` watches them for how each kernel is launched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tvm
import tvm_ffi
from tvm.relax import transform
from tvm.s_tir import dlight

from lab.compile.contract import Launch
from lab.core.errors import CompileError

Module = Any
Phases = tuple[tuple[str, tuple[Any, ...]], ...]
_SPLIT = "tirx.SplitHostDevice"  # after it, device functions are on their own and still say their extents

# Kernels arrive written out, so no phase fuses or schedules. Reshapes are not legalised: phase 3 lowers them to views.
PHASES: Phases = (
    ("legalise", (transform.LegalizeOps(skip_ops=["relax.reshape"]),)),
    (
        "call-kernels",
        (transform.ToNonDataflow(), transform.RemovePurityChecking(), transform.CallTIRRewrite()),
    ),
    (
        "plan-memory",
        (transform.StaticPlanBlockMemory(), transform.LowerAllocTensor(), transform.KillAfterLastUse()),
    ),
    (
        "lower-vm",
        (
            transform.LowerRuntimeBuiltin(),
            transform.ComputePrimValue(),
            transform.VMShapeLower(),
            transform.AttachGlobalSymbol(),
        ),
    ),
)


@tvm.transform.module_pass(opt_level=0, name="KeepKernels")  # type: ignore[untyped-decorator]
def keep_kernels(module: Module, _context: Any) -> Module:
    """Mark the kernels that came written out, so that no rule takes them for something to schedule."""
    for name, function in module.functions.items():
        if isinstance(function, tvm.tirx.PrimFunc) and not isinstance(function.body, tvm.s_tir.SBlockRealize):
            module[name] = function.with_attr("tirx.is_scheduled", True)
    return module


# What the runtime or Relax adds of its own (a constant, a cast) has no threads yet: dlight's fallback gives it some.
GPU_PHASES = (
    ("keep-kernels", (keep_kernels,)),
    PHASES[0],
    ("schedule", (dlight.ApplyDefaultSchedule(dlight.gpu.Reduction(), dlight.gpu.Fallback()),)),
    *PHASES[1:],
)


def run_phases(module: Module, dump_ir: Path | None, phases: Phases = PHASES) -> Module:
    """Run every phase; with `dump_ir`, write the module before the first and after each as TVMScript."""
    _dump(module, dump_ir, "0-exported")
    for number, (name, passes) in enumerate(phases, start=1):
        module = tvm.ir.transform.Sequential(list(passes))(module)
        _dump(module, dump_ir, f"{number}-{name}")
    return module


def pipeline(dump_ir: Path | None, phases: Phases = PHASES) -> Any:
    """Return the phases as the one pass that `tvm.compile` takes."""

    @tvm.transform.module_pass(opt_level=0, name="LabPhases")  # type: ignore[untyped-decorator]
    def run(module: Module, _context: Any) -> Module:
        return run_phases(module, dump_ir, phases)

    return run


def _dump(module: Module, folder: Path | None, name: str) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"phase{name}.py").write_text(module.script())


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
