"""The passes from Relax modules to a VM executable, in numbered phases that can be dumped one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tvm
from tvm.relax import transform
from tvm.s_tir import dlight

Module = Any
Phases = tuple[tuple[str, tuple[Any, ...]], ...]

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
