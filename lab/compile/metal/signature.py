"""What Metal and the runtime ask of a kernel's signature, which no C++ compiler knows."""

from __future__ import annotations

from lab.compile.metal.kernels import Kernel, Parameter

_POSITIONS = ("threadgroup_position_in_grid", "thread_position_in_threadgroup")
_POSITION_TYPES = ("uint", "uint2", "uint3", "ushort", "ushort2", "ushort3")


def signature_faults(kernel: Kernel) -> list[str]:
    """Return what is wrong with the kernel's parameters, a sentence each.

    The runtime sets buffer n to argument n, so every pointer or reference needs the attribute of its own place.
    """
    memory = [p for p in kernel.parameters if p.in_memory]
    others = [p for p in kernel.parameters if not p.in_memory]
    faults = [fault for place, p in enumerate(memory) if (fault := _buffer_fault(p, place))]
    faults += [fault for p in others if (fault := _position_fault(p))]
    if len({p.type for p in others}) > 1:
        faults.append("its positions have different types: " + ", ".join(p.type for p in others))
    return faults


def _buffer_fault(parameter: Parameter, place: int) -> str:
    if parameter.attribute != "buffer":
        return f"parameter {parameter.name} has no [[ buffer({place}) ]]"
    if parameter.index != place:
        return f"parameter {parameter.name} is [[ buffer({parameter.index}) ]] and the runtime sets buffer {place}"
    return ""


def _position_fault(parameter: Parameter) -> str:
    if parameter.attribute not in _POSITIONS:
        return f"parameter {parameter.name} is neither in memory nor a position: [[ {parameter.attribute} ]]"
    if parameter.type not in _POSITION_TYPES:
        return f"parameter {parameter.name} is a position of type {parameter.type}"
    return ""
