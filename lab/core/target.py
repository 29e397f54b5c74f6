"""What a device is: how to reach it, what to compile for, how to measure it (targets/*.toml)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from lab.core.config import Limits, load_toml
from lab.core.errors import ConfigError, LabError
from lab.core.home import definitions, find_definition, shown
from lab.core.kinds import Name
from lab.core.names import check_name

SCHEMA = 1


@dataclass(frozen=True)
class DeviceSpec:
    """How to reach the device."""

    transport: Literal["local", "ssh", "adb", "qemu"]
    work_dir: str = ""
    serial: str = ""
    emulated: bool = False


@dataclass(frozen=True)
class CompileSpec:
    """What to compile for. `cpu` is "native" or an LLVM name, `features` are LLVM's (`+avx512vnni`)."""

    # The patterns keep a target file from smuggling options into a compiler's command line.
    backend: Literal["tvm", "mlc"] = "tvm"
    kind: Annotated[str, Limits(pattern=r"[a-z][a-z0-9_]*")] = "llvm"
    mtriple: Annotated[str, Limits(pattern=r"[A-Za-z0-9_][A-Za-z0-9_.-]*")] = "x86_64-unknown-linux-gnu"
    cpu: Annotated[str, Limits(pattern=r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")] = "native"
    features: tuple[Annotated[str, Limits(pattern=r"[+-][A-Za-z0-9_.-]+")], ...] = ()


@dataclass(frozen=True)
class MeasureSpec:
    """How to measure. `threads` 0 is every core; `*_s` are seconds, spreads and gates are fractions."""

    threads: Annotated[int, Limits(min=0, max=4096)] = 0
    repeats: Annotated[int, Limits(min=1, max=10_000)] = 5
    warmup_cap: Annotated[int, Limits(min=0, max=1000)] = 8
    warmup_spread: Annotated[float, Limits(above=0, max=1)] = 0.05
    cv_gate: Annotated[float, Limits(above=0, max=1)] = 0.05
    max_busy: Annotated[float, Limits(min=0, max=1)] = 0.3
    gate_timeout_s: Annotated[float, Limits(min=0, max=86_400, unit="s")] = 15.0
    timeout_s: Annotated[float, Limits(above=0, max=604_800, unit="s")] = 1800.0
    prefill_chunk: Annotated[int, Limits(min=1, max=1_048_576, unit="tokens")] = 512


@dataclass(frozen=True)
class TargetSpec:
    """One target file, checked."""

    schema: int
    name: Name
    description: str
    device: DeviceSpec
    compile: CompileSpec = field(default_factory=CompileSpec)
    measure: MeasureSpec = field(default_factory=MeasureSpec)


def load_target(name: str) -> TargetSpec:
    """Return the target called `name`; ConfigError names what is wrong and where."""
    return read_target(find_definition("targets", name))


def read_target(path: Path) -> TargetSpec:
    """Return the target in the file at `path`, whose stem must be its name."""
    check_name("target", path.stem)
    spec = load_toml(path, TargetSpec, schema=SCHEMA)
    if spec.name != path.stem:
        raise ConfigError(
            f"{shown(path)}: name: {spec.name!r} is not the name of the file",
            hint=f"set name = {path.stem!r}, or rename the file to {spec.name}.toml",
        )
    return spec


def all_targets() -> dict[str, TargetSpec | LabError]:
    """Every target by name, sorted; one that cannot be read is its error, and hides no other."""
    return {name: _or_error(path) for name, path in definitions("targets").items()}


def _or_error(path: Path) -> TargetSpec | LabError:
    try:
        return read_target(path)
    except LabError as problem:
        return problem
