"""What a device is: how to reach it, what to compile for, how to measure it (targets/*.toml)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from lab.core.config import Limits, load_toml
from lab.core.errors import ConfigError, LabError, UsageError
from lab.core.home import definitions, find_definition, shown
from lab.core.names import check_name
from lab.formats.address import Address
from lab.formats.kinds import Name

SCHEMA = 1
# As adb lists it; phones that were found in the network may have a blank and brackets in it.
SERIAL = r"[A-Za-z0-9(][A-Za-z0-9._:() -]{0,100}"


@dataclass(frozen=True)
class DeviceSpec:
    """How to reach the device; "none" is one that can only be compiled for."""

    transport: Literal["local", "ssh", "adb", "qemu", "none"]
    work_dir: str = ""
    serial: str = ""
    emulated: bool = False


@dataclass(frozen=True)
class AdbSpec:
    """Which phone: `address` is host:port over Wi-Fi; empty is USB or an adb server, by [device].serial.

    `backend` is who speaks: the adb-shell package, the adb program, or "auto": what reaches the phone.
    """

    address: Annotated[str, Limits(pattern=r"|[A-Za-z0-9_][A-Za-z0-9_.:%-]*")] = ""
    backend: Literal["auto", "adb-shell", "adb"] = "auto"


@dataclass(frozen=True)
class SshSpec:
    """Which host; what is empty or 0 is left to the user's own ssh configuration. `jump` is [user@]host[:port].

    `known_hosts` is a file of host keys that stands in for the user's own.
    """

    host: Annotated[str, Limits(pattern=r"|[A-Za-z0-9_:][A-Za-z0-9_.:%-]*")] = ""
    port: Annotated[int, Limits(min=0, max=65_535)] = 0
    user: Annotated[str, Limits(pattern=r"|[A-Za-z0-9_][A-Za-z0-9_.@-]*")] = ""
    key: str = ""
    jump: Annotated[str, Limits(pattern=r"|[A-Za-z0-9_\[][A-Za-z0-9_.:%@\[\]-]*")] = ""
    known_hosts: str = ""


@dataclass(frozen=True)
class QemuSpec:
    """What to start: an `image` of compiled/images/, on a simulated `cpu`.

    Cores and memory count for whole machines only, `storage_mib` (where files are pushed to) for phones only.
    """

    image: Annotated[str, Limits(pattern=r"|[a-z0-9][a-z0-9-]{0,60}")] = ""
    cpu: Annotated[str, Limits(pattern=r"[a-z0-9][a-z0-9.-]*")] = "cortex-a76"
    cores: Annotated[int, Limits(min=1, max=64)] = 2
    memory_mib: Annotated[int, Limits(min=256, max=1_048_576, unit="MiB")] = 2048
    storage_mib: Annotated[int, Limits(min=1, max=1_048_576, unit="MiB")] = 4096
    reach: Literal["ssh", "adb"] = "ssh"


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
        return self.device.emulated or self.device.transport == "qemu"


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


def at(target: TargetSpec, address: str) -> TargetSpec:
    """Return the target, reached at `address`: of adb a serial or host:port, of ssh [user@]host[:port].

    A host may be an address of IPv6: [addr]:port. Of adb, `usb:PATH` and `transport:N` are as adb lists them.

    Raises:
        UsageError: a target of another transport, or no address.
    """
    transport = target.device.transport
    found = Address.read(address)
    if transport == "adb" and found and found.port and not found.user and not re.match("transport:|usb:", address):
        return replace(target, adb=replace(target.adb, address=f"{found.host}:{found.port}"))
    if transport == "adb" and re.fullmatch(SERIAL, address):
        return replace(target, adb=replace(target.adb, address=""), device=replace(target.device, serial=address))
    if transport == "ssh" and found:
        user = found.user or target.ssh.user
        return replace(target, ssh=replace(target.ssh, host=found.host, port=found.port, user=user))
    forms = {"adb": "a serial, usb:PATH, transport:N, or host:port", "ssh": "[user@]host[:port], or [user@][IPv6]:port"}
    raise UsageError(
        f"--at {address}: target {target.name} is reached over {transport}",
        hint=f"give {forms[transport]}" if transport in forms else "leave --at out",
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
