"""The parts of the speed benchmark: what each measures, for which kind of machine, and its bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bars import DECODE, PREFILL, ROOF, Bar
from benchmarks.machine import Machine
from benchmarks.sessions import Ask
from lab.formats.metrics import PEAK
from lab.formats.test import Test

MINI, MEDIUM = "phi3-mini-q4", "phi3-medium-q4"
SHORT, EMPTY, LONG = Test(512, 32), Test(1, 64), Test(2048, 32)
IK, LLAMA = "ik_llama.cpp", "llama.cpp"
AVX2, AVX512, ZEN3 = "AVX2", "AVX-512 VNNI", "Zen 3"

Lacks = Callable[[Machine], str]  # what a machine lacks for a part, "" for nothing


@dataclass(frozen=True)
class Part:
    """One part. `takes` is about how long, on two cores with the usual repetitions.

    A session measures `cells` of `model` beside `peers`; with `masked` all are compiled for AVX2 alone where there is
    more. A part without cells is measured in a way of its own. `isa` is what both sides must have run with.
    """

    name: str
    takes: str
    bars: tuple[Bar, ...]
    model: str = MINI
    cells: tuple[Test, ...] = ()
    peers: tuple[str, ...] = ()
    most_repeats: int = 1_000_000
    masked: bool = False
    isa: str = ""
    lacks: Lacks = lambda machine: ""

    def ask(self, repeats: int, machine: Machine) -> Ask:
        """Return what its session measures on a machine."""
        masked = self.masked and machine.masks
        return Ask(self.model, self.cells, min(repeats, self.most_repeats), self.peers, masked)


def _lacks_avx2(machine: Machine) -> str:
    return "" if machine.has_avx2 else "the processor has no AVX2"


def _lacks_vnni(machine: Machine) -> str:
    return "" if machine.has_avx512_vnni else "the processor has no AVX-512 VNNI"


def _lacks_more_than_avx2(machine: Machine) -> str:
    return _lacks_avx2(machine) or ("" if machine.masks else "nothing is to be masked: `quiet` measures it")


def _is_no_zen3(machine: Machine) -> str:
    return "" if machine.is_zen3 else "the processor is no AMD Zen 3"


def _ik(what: str, test: str, metric: str, bar: float, stretch: float, machine: str = AVX2) -> Bar:
    return Bar(what, bar, stretch, beside=IK, machine=machine, test=test, metric=metric)


PARTS = {
    part.name: part
    for part in (
        Part(
            "quiet",
            "20 min",
            (
                Bar("prefill 512", 1.8, 2.5, test=SHORT.label, metric=PREFILL),
                Bar("prefill 2048", 1.8, 2.5, test=LONG.label, metric=PREFILL),
                Bar("decode @0", 1.0, 1.1, test=EMPTY.label, metric=DECODE),
                Bar("decode @2048", 2.0, 3.0, test=LONG.label, metric=DECODE),
                Bar("decode of roof", 0.90, 0.97, "1", test=EMPTY.label, metric=ROOF),
                Bar("memory @2048", 0.70, 0.62, lower_is_better=True, test=LONG.label, metric=PEAK),
            ),
            cells=(SHORT, EMPTY, LONG),
            peers=(LLAMA,),
        ),
        Part(
            "loaded",
            "5 min",
            (Bar("decode, core taken", 1.5, 2.0, test=EMPTY.label, metric=DECODE),),
            cells=(EMPTY,),
            peers=(LLAMA,),
        ),
        Part("compile", "1 min", (Bar("cold compile", 30, 15, "s", lower_is_better=True, beside=""),)),
        Part(
            "medium",
            "20 min",
            (
                Bar("medium decode @0", 1.0, 1.1, test=EMPTY.label, metric=DECODE),
                Bar("medium prefill 512", 1.8, 2.5, test=SHORT.label, metric=PREFILL),
            ),
            model=MEDIUM,
            cells=(SHORT, EMPTY),
            peers=(LLAMA,),
            most_repeats=3,
        ),
        Part(
            "avx2-prefill",
            "8 min",
            (_ik("prefill 512", SHORT.label, PREFILL, 1.65, 1.95),),
            cells=(SHORT,),
            peers=(IK,),
            masked=True,
            isa="avx2",
            lacks=_lacks_avx2,
        ),
        Part(
            "avx2-decode",
            "4 min",
            (
                _ik("decode @0", EMPTY.label, DECODE, 1.4, 1.5),
                Bar("decode of roof", 0.95, 0.98, "1", beside=IK, machine=AVX2, test=EMPTY.label, metric=ROOF),
            ),
            cells=(EMPTY,),
            peers=(IK,),
            masked=True,
            isa="avx2",
            lacks=_lacks_avx2,
        ),
        Part(
            "avx2-long",
            "20 min",
            (
                _ik("prefill 2048", LONG.label, PREFILL, 1.65, 1.95),
                _ik("decode @2048", LONG.label, DECODE, 1.45, 1.6),
            ),
            cells=(LONG,),
            peers=(IK,),
            masked=True,
            isa="avx2",
            lacks=_lacks_avx2,
        ),
        Part(
            "avx2-llama",
            "10 min",
            (
                Bar("prefill 512", 1.8, 2.5, machine=AVX2, test=SHORT.label, metric=PREFILL),
                Bar("decode @0", 1.0, 1.1, machine=AVX2, test=EMPTY.label, metric=DECODE),
            ),
            cells=(SHORT, EMPTY),
            peers=(LLAMA,),
            masked=True,
            isa="avx2",
            lacks=_lacks_more_than_avx2,
        ),
        Part(
            "avx512",
            "5 min",
            (_ik("prefill 512", SHORT.label, PREFILL, 1.1, 1.3, AVX512),),
            cells=(SHORT,),
            peers=(IK,),
            isa="avx512-vnni",
            lacks=_lacks_vnni,
        ),
        Part("first-token", "3 min", (Bar("first token", 2.0, 4.0, beside=IK),), peers=(IK,)),
        Part(
            "first-command",
            "4 min",
            (Bar("first command", 210, 150, "s", lower_is_better=True, beside="", machine=ZEN3),),
            lacks=_is_no_zen3,
        ),
    )
}
# Names that stand for several parts.
GROUPS = {"avx2": tuple(name for name in PARTS if name.startswith("avx2-"))}


def named(text: str) -> tuple[str, ...]:
    """Return the parts that a name stands for; KeyError for none."""
    return GROUPS.get(text) or (PARTS[text].name,)
