"""The Metal kernels of a library, one source each, and what their signatures say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.core.errors import CompileError

_BEGIN = re.compile(r"^// Function: (\w+)$", re.MULTILINE)
_SIGNATURE = re.compile(r"\bkernel\s+void\s+(\w+)\s*\((.*?)\)\s*\{", re.DOTALL)
_PARAMETER = re.compile(r"(?P<type>.*?)(?P<name>\w+)\s*(?:\[\[\s*(?P<attribute>\w+)(?:\((?P<index>\d+)\))?\s*\]\])?")


@dataclass(frozen=True)
class Parameter:
    """One parameter: its `type` as written, and `[[attribute(index)]]`; "" and -1 where there is none."""

    type: str
    name: str
    attribute: str
    index: int

    @property
    def in_memory(self) -> bool:
        """Whether it is a pointer or a reference."""
        return "*" in self.type or "&" in self.type


@dataclass(frozen=True)
class Kernel:
    """One kernel's `source`, which is compiled on its own, and its parameters in their order."""

    name: str
    source: str
    parameters: tuple[Parameter, ...]


def kernels(text: str) -> tuple[Kernel, ...]:
    """Return the kernels of a Metal module's source. CompileError: one without a signature that can be read."""
    starts = list(_BEGIN.finditer(text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return tuple(_kernel(start[1], text[start.start() : end]) for start, end in zip(starts, ends, strict=False))


def _kernel(name: str, source: str) -> Kernel:
    found = _SIGNATURE.search(source)
    if found is None or found[1] != name:
        raise CompileError(f"Metal kernel {name}: its source has no `kernel void {name}(...)`")
    return Kernel(name, source, tuple(_parameter(name, part) for part in found[2].split(",")))


def _parameter(kernel: str, text: str) -> Parameter:
    found = _PARAMETER.fullmatch(text.strip())
    if found is None:
        raise CompileError(f"Metal kernel {kernel}: parameter `{text.strip()}` can't be read")
    return Parameter(found["type"].strip(), found["name"], found["attribute"] or "", int(found["index"] or -1))
