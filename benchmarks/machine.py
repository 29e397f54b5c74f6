"""What kind of machine this is, as far as bars differ by it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.compile.cpu.isa import X86_ISAS

CPUINFO = Path("/proc/cpuinfo")
ZEN3_FAMILY = "25"  # as AMD numbers it, and Zen 4 too, which has AVX-512
_AVX2 = next(set(one.cpu_flags) for one in X86_ISAS if one.name == "avx2")
_VNNI = next(set(one.cpu_flags) for one in X86_ISAS if one.name == "avx512-vnni")
_BEYOND = {"avx512f", "avx_vnni"}


@dataclass(frozen=True)
class Machine:
    """The first processor of this machine: what Linux says that it has, and whose it is."""

    flags: frozenset[str] = frozenset()
    vendor: str = ""
    family: str = ""
    model: str = ""

    @property
    def has_avx2(self) -> bool:
        """Whether AVX2 can be measured here, as all there is or with the rest masked."""
        return self.flags >= _AVX2

    @property
    def has_avx512_vnni(self) -> bool:
        """Whether both sides have their 512-bit kernels here."""
        return self.flags >= _VNNI

    @property
    def isa(self) -> str:
        """What kernels of x86 can use here at best, as lab names it; "" for less than AVX2."""
        return "avx512-vnni" if self.has_avx512_vnni else "avx2" if self.has_avx2 else ""

    @property
    def masks(self) -> bool:
        """Whether there is more than AVX2 here, which must be masked to measure that."""
        return self.has_avx2 and bool(self.flags & _BEYOND)

    @property
    def is_zen3(self) -> bool:
        """Whether it is an AMD Zen 3."""
        return (self.vendor, self.family) == ("AuthenticAMD", ZEN3_FAMILY) and self.has_avx2 and not self.masks


def this_machine(cpuinfo: Path = CPUINFO) -> Machine:
    """Return what Linux says of the first processor; of another system, a machine that has nothing."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Machine()
    pairs = [line.partition(":") for line in text.partition("\n\n")[0].splitlines()]
    first = {name.strip(): value.strip() for name, _, value in pairs}
    names = (first.get(name, "") for name in ("vendor_id", "cpu family", "model name"))
    return Machine(frozenset(first.get("flags", "").split()), *names)
