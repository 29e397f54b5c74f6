"""What a device is: how to reach it, what to compile for, how to measure it (targets/*.toml)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, make_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from lab.core.config import Limits, load_toml
from lab.core.errors import ConfigError, LabError, UsageError
from lab.core.home import definitions, find_definition, shown
from lab.core.names import check_name
from lab.formats.kinds import Name
from lab.formats.transports import TRANSPORTS, AdbSpec, DeviceSpec, NoTable, QemuSpec, SshSpec, Transport

SCHEMA = 1


@dataclass(frozen=True)
class CompileSpec:
    """What to compile for. `cpu` is "native" or an LLVM name, `features` are LLVM's (`+avx512vnni`).

    `kind` is where kernels run: "llvm" is the processor itself; for "opencl" and "metal", `gpu` names a record of
    lab.compile.gpu, and `mtriple` and `cpu` are of the host code around the kernels. `libc` says whose C library the
    runner uses: the device's own, or one that is carried along with it, which a phone needs.
    """

    # The patterns keep a target file from smuggling options into a command line.
    backend: Literal["tvm", "mlc"] = "tvm"
    kind: Literal["llvm", "opencl", "metal"] = "llvm"
    gpu: Annotated[str, Limits(pattern=r"|[a-z][a-z0-9-]*")] = ""
    mtriple: Annotated[str, Limits(pattern=r"[A-Za-z0-9_][A-Za-z0-9_.-]*")] = "x86_64-unknown-linux-gnu"
    cpu: Annotated[str, Limits(pattern=r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")] = "native"
    features: tuple[Annotated[str, Limits(pattern=r"[+-][A-Za-z0-9_.-]+")], ...] = ()
    libc: Literal["device", "carried"] = "device"


@dataclass(frozen=True)
class OpenClSpec:
    """Which OpenCL device: the first one whose name holds `device` or whose type it is (empty: any).

    `accept_cpu` says that a driver that computes on the CPU will do; elsewhere a run on what is no GPU, and whose type
    `device` does not name, is recorded as fallen back.

    `library` is a path of libOpenCL on the device, tried before the usual ones.
    """

    device: str = ""
    accept_cpu: bool = False
    library: str = ""


@dataclass(frozen=True)
class MeasureSpec:
    """How to measure. `threads` 0 is every core; `*_s` are seconds, spreads and gates are fractions.

    `repeats` 0 is as many as it takes to know the medians to `precision`, in about `budget_s` of repetitions.
    `ram_share` is the most of all its memory that a model may take: a phone ends a program that takes half of it.
    """

    threads: Annotated[int, Limits(min=0, max=4096)] = 0
    repeats: Annotated[int, Limits(min=0, max=10_000)] = 0
    precision: Annotated[float, Limits(above=0, max=1)] = 0.05
    budget_s: Annotated[float, Limits(above=0, max=604_800, unit="s")] = 120.0
    warmup_cap: Annotated[int, Limits(min=0, max=1000)] = 8
    warmup_spread: Annotated[float, Limits(above=0, max=1)] = 0.05
    cv_gate: Annotated[float, Limits(above=0, max=1)] = 0.05
    max_busy: Annotated[float, Limits(min=0, max=1)] = 0.3
    gate_timeout_s: Annotated[float, Limits(min=0, max=86_400, unit="s")] = 15.0
    timeout_s: Annotated[float, Limits(above=0, max=604_800, unit="s")] = 1800.0
    prefill_chunk: Annotated[int, Limits(min=1, max=1_048_576, unit="tokens")] = 512
    ram_share: Annotated[float, Limits(above=0, max=1)] = 1.0


@dataclass(frozen=True)
class TargetSpec:
    """One target file, checked."""

    schema: int
    name: Name
    description: str
    device: DeviceSpec
    adb: AdbSpec = field(default_factory=AdbSpec)
    ssh: SshSpec = field(default_factory=SshSpec)
    qemu: QemuSpec = field(default_factory=QemuSpec)
    compile: CompileSpec = field(default_factory=CompileSpec)
    opencl: OpenClSpec = field(default_factory=OpenClSpec)
    measure: MeasureSpec = field(default_factory=MeasureSpec)

    @property
    def is_emulated(self) -> bool:
        """Whether its processor is simulated: what the file says, and always so of what lab starts in QEMU."""
        return self.device.emulated or self.way.emulated

    @property
    def way(self) -> Transport:
        """The row of its transport."""
        return TRANSPORTS[self.device.transport]

    @property
    def table(self) -> Any:
        """The table of its transport: where the device is. One that the file left out has its defaults."""
        return getattr(self, self.way.name, None) or self.way.spec()

    @property
    def is_here(self) -> bool:
        """Whether measuring it takes this machine's processor: then nothing else may run beside it."""
        return self.way.here

    @property
    def place(self) -> tuple[object, ...]:
        """What tells its device from others, as far as the file says it. Never on record."""
        values = tuple(getattr(self.table, name) for name in self.way.place)
        return (self.way.name, *values, "" if values[:1] and values[0] else self.device.serial)

    @property
    def unreached_serial(self) -> str:
        """What stands for the serial of a device that nobody could ask; records hold its hash: keep it as it is."""
        others = [str(value) for value in self.place[1:-1] if self.way.name not in ("adb", "ssh")]
        return " ".join((self.way.name, self.adb.address, self.ssh.host, *others, self.device.serial))


def load_target(name: str) -> TargetSpec:
    """Return the target called `name`; ConfigError names what is wrong and where."""
    return read_target(find_definition("targets", name))


def read_target(path: Path) -> TargetSpec:
    """Return the target in the file at `path`, whose stem must be its name."""
    check_name("target", path.stem)
    spec = load_toml(path, _file_class(tuple(TRANSPORTS.values())), schema=SCHEMA)
    if spec.name != path.stem:
        raise ConfigError(
            f"{shown(path)}: name: {spec.name!r} is not the name of the file",
            hint=f"set name = {path.stem!r}, or rename the file to {spec.name}.toml",
        )
    return spec


@cache
def _file_class(rows: tuple[Transport, ...]) -> type[TargetSpec]:
    """Return the class of target files: with a table for each transport that `TargetSpec` has no field for."""
    known = {item.name for item in fields(TargetSpec)}
    more = [(row.name, row.spec, field(default_factory=row.spec)) for row in rows if row.name not in known]
    tables = [one for one in more if one[1] is not NoTable]
    return make_dataclass("TargetSpec", tables, bases=(TargetSpec,), frozen=True) if tables else TargetSpec


def at(target: TargetSpec, address: str) -> TargetSpec:
    """Return the target, reached at `address`: of adb a serial or host:port, of ssh [user@]host[:port].

    A host may be an address of IPv6: [addr]:port. Of adb, `usb:PATH` and `transport:N` are as adb lists them.

    Raises:
        UsageError: a target of another transport, or no address.
    """
    way = target.way
    found = way.at(target.table, target.device, address) if way.at else None
    if found is not None:
        return replace(target, **{way.name: found[0], "device": found[1]})
    raise UsageError(
        f"--at {address}: target {target.name} is reached over {way.name}",
        hint=f"give {way.forms}" if way.forms else "leave --at out",
    )


def reached(target: TargetSpec, address: str | None) -> TargetSpec:
    """Return the target, reached at `address` where one is given: see `at`."""
    return at(target, address) if address else target


def all_targets() -> dict[str, TargetSpec | LabError]:
    """Every target by name, sorted; one that cannot be read is its error, and hides no other."""
    return {name: _or_error(path) for name, path in definitions("targets").items()}


def _or_error(path: Path) -> TargetSpec | LabError:
    try:
        return read_target(path)
    except LabError as problem:
        return problem
