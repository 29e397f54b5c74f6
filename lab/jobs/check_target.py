"""The checks of `lab targets check`, in the order its help lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.core.errors import DeviceUnreachableError, LabError
from lab.core.home import definitions, find_definition, shown
from lab.core.progress import NullProgress
from lab.core.text import printable
from lab.devices.base import Device
from lab.devices.link import Access
from lab.formats.target import TargetSpec, reached, read_target
from lab.ondevice.android.ndk import NoNdkError
from lab.ondevice.opencl.headers import NoHeadersError

UNREACHABLE = DeviceUnreachableError.exit_code
Ask = Callable[[], str]


@dataclass(frozen=True)
class Check:
    """One thing asked about a target; `detail` is what was found, `hint` the next step when it failed.

    `unreachable` tells a device that does not answer from one that answers no.
    """

    target: str
    name: str
    status: Literal["passed", "failed", "skipped"]
    detail: str
    hint: str | None = None
    unreachable: bool = False


def check_targets(
    name: str | None, connect: bool, address: str | None = None, access: Access | None = None
) -> list[Check]:
    """Check the target called `name`, or every one; ConfigError when there is no such target.

    With `connect` its device is asked too, at `address` where that is given.
    """
    names = list(definitions("targets")) if name is None else [find_definition("targets", name).stem]
    reach = (address, access) if connect else None
    return [check for target in names for check in _check(target, reach)]


def exit_code(checks: Sequence[Check]) -> int:
    """Return 4 when a device did not answer, 1 when another check failed, else 0."""
    failed = [check for check in checks if check.status == "failed"]
    if any(check.unreachable for check in failed):
        return UNREACHABLE
    return 1 if failed else 0


def _check(name: str, reach: tuple[str | None, Access | None] | None) -> Iterator[Check]:
    path = find_definition("targets", name)
    try:
        target = read_target(path)
    except LabError as problem:
        yield _failed(name, "file", problem)
        return
    yield Check(name, "file", "passed", shown(path))
    asked = (("transport", _transport), ("backend", _backend), *_of_kind(target))
    for what, ask in asked:
        yield _answer(name, what, lambda ask=ask: ask(target))  # type: ignore[misc]
    if reach is not None:
        yield from _connected(target, *reach)


def _of_kind(target: TargetSpec) -> tuple[tuple[str, Callable[[TargetSpec], str]], ...]:
    """What is asked of a target's processor, or of its GPU in place of that."""
    if target.compile.kind == "llvm":
        return (("processor", _processor),)
    family = (("gpu", _gpu_family),)
    return (*family, ("plug-in", _plug_in)) if target.compile.kind == "opencl" else family


def _connected(target: TargetSpec, address: str | None, access: Access | None) -> Iterator[Check]:
    from lab.devices.registry import open_device

    try:
        device = open_device(reached(target, address), access)
        facts = device.facts()
    except LabError as problem:
        yield _failed(target.name, "device", problem)
        return
    try:
        yield Check(target.name, "device", "passed", str(facts.get("cpu_model") or "answers"))
        if target.compile.kind == "llvm":
            yield _answer(target.name, "features", lambda: _features(target, device))
            if target.device.transport != "local":
                yield _answer(target.name, "runner", lambda: _runner(target, device))
        else:
            yield _answer(target.name, "gpu device", lambda: _gpu_of_device(target, device))
        yield _answer(target.name, "threads", lambda: _threads(target, device))
    finally:
        device.close()


def _answer(target: str, name: str, ask: Ask) -> Check:
    try:
        return Check(target, name, "passed", ask())
    except (NoNdkError, NoHeadersError) as problem:
        return Check(target, name, "skipped", f"{problem.what}; needed to run, not to compile", problem.hint)
    except LabError as problem:
        return _failed(target, name, problem)


def _failed(target: str, name: str, problem: LabError) -> Check:
    gone = isinstance(problem, DeviceUnreachableError)
    return Check(target, name, "failed", problem.what, problem.hint, unreachable=gone)


def _transport(target: TargetSpec) -> str:
    from lab.devices.registry import check_transport

    return check_transport(target)


def _backend(target: TargetSpec) -> str:
    from lab.compile.build import backend_version, check_target

    check_target(target)
    return f"{target.compile.backend} {backend_version(target)}"


def _processor(target: TargetSpec) -> str:
    from lab.compile.chip import chip_name, choose_chip

    return f"{target.compile.cpu}: kernels for {chip_name(choose_chip(target.compile))}"


def _features(target: TargetSpec, device: Device) -> str:
    from lab.compile.cpu import choose_cpu
    from lab.measure.checks import check_cpu_features

    required = choose_cpu(target.compile).required_features
    check_cpu_features(required, device.facts(), target)
    return " ".join(required)


def _runner(target: TargetSpec, device: Device) -> str:
    from lab.jobs.build import Pipeline, startable_runner

    runner = startable_runner(device, Pipeline(NullProgress()).runner(target), target, NullProgress())
    return f"starts with a C library that is brought along: {runner.libc_reason}" if runner.libc_reason else "starts"


def _threads(target: TargetSpec, device: Device) -> str:
    from lab.measure.checks import check_threads
    from lab.measure.plan import cells_of, plan_for
    from lab.measure.share import default_threads, share_words

    facts = device.facts()
    plan = plan_for(target, cells_of(), default_threads(facts))
    check_threads(plan, facts, target)
    return share_words(plan.threads, facts)


def _gpu_family(target: TargetSpec) -> str:
    """Return which kernels it gets; CompileError when nobody knows its GPU family."""
    from lab.compile.gpu import gpu_named

    gpu = gpu_named(target.compile.gpu, target.compile.kind)
    needs = f", needs {' '.join(gpu.required)}" if gpu.required else ""
    return f"{target.compile.kind}: kernels for {gpu.name}, weights {gpu.layout}{needs}"


def _plug_in(target: TargetSpec) -> str:
    """Return with what the OpenCL plug-in can be built; CompileError names the package that is missing."""
    from lab.ondevice.android.ndk import find_ndk
    from lab.ondevice.compilers import compilers
    from lab.ondevice.opencl.headers import opencl_headers
    from lab.ondevice.systems import ANDROID_TRIPLE, platform_of

    if target.compile.mtriple == ANDROID_TRIPLE:
        return f"Android NDK {find_ndk().revision}, headers in {opencl_headers()}"
    abi = platform_of(target.compile.mtriple).abi
    return f"{compilers(abi)[0].name}, headers in {opencl_headers()}"


def _gpu_of_device(target: TargetSpec, device: Device) -> str:
    """Return the name of the device's GPU, asked by the runner, which is built for it.

    Raises:
        CompileError: the runner or its plug-in can't be built.
        DeviceError: there is no such device, or it lacks an extension that the kernels need.
    """
    from lab.compile.gpu import gpu_named
    from lab.jobs.build import Pipeline
    from lab.measure.runner.gpu_checks import check_extensions, gpu_facts
    from lab.measure.runner.invocation import place_runner

    runner = Pipeline(NullProgress()).runner(target)
    gpu = gpu_facts(device, place_runner(device, runner, target), target, runner)
    check_extensions(gpu, gpu_named(target.compile.gpu, target.compile.kind).required, target)
    no_gpu = {"cpu": "a CPU device", "accelerator": "an accelerator, which may be a program on the CPU"}
    kind = no_gpu.get(gpu.type, f"type {gpu.type}")
    return ", ".join(filter(None, (printable(gpu.device), printable(gpu.version), kind)))
