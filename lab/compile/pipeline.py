"""The passes from Relax modules to a VM executable, in numbered phases that can be dumped one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tvm
from tvm.relax import transform

Module = Any

# Kernels arrive written out, so no phase fuses or schedules. Reshapes are not legalised: phase 3 lowers them to views.
PHASES: tuple[tuple[str, tuple[Any, ...]], ...] = (
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


def run_phases(module: Module, dump_ir: Path | None) -> Module:
    """Run every phase; with `dump_ir`, write the module before the first and after each as TVMScript."""
    _dump(module, dump_ir, "0-exported")
    for number, (name, passes) in enumerate(PHASES, start=1):
        module = tvm.ir.transform.Sequential(list(passes))(module)
        _dump(module, dump_ir, f"{number}-{name}")
    return module


def pipeline(dump_ir: Path | None) -> Any:
    """Return the phases as the one pass that `tvm.compile` takes."""

    @tvm.transform.module_pass(opt_level=0, name="LabPhases")  # type: ignore[untyped-decorator]
    def phases(module: Module, _context: Any) -> Module:
        return run_phases(module, dump_ir)

    return phases


def _dump(module: Module, folder: Path | None, name: str) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"phase{name}.py").write_text(module.script())
