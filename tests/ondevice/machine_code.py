"""Loops of functions in a compiler's assembly (x86 in AT&T form, arm64), and what they do with memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.core.proc import run
from lab.ondevice.build import FLAGS, SOURCES
from lab.ondevice.compilers import Compiler, build_env

FUNCTION = re.compile(r"^_ZN3lab12_GLOBAL__N_1\d+(?P<name>[a-z]\w*?)E\w+:")
END = re.compile(r"^\s+\.size\s")
LABEL = re.compile(r"^(?P<label>\.L\w+):")
JUMP = re.compile(r"^\s+(?:j[a-z]+|b\.[a-z]+|cbn?z\s+\w+,|tbn?z\s+\w+,\s*#\d+,)\s+(?P<label>\.L\w+)")
INSTRUCTION = re.compile(r"^\s+(?:\{vex\}\s+)?(?P<name>[a-z][\w.]*)\s*(?P<operands>.*)$")
STACK = re.compile(r"%[re][sb]p\b|\[(?:sp|x29)\b")
MEMORY = re.compile(r"\(%r|\[x\d+")


@dataclass(frozen=True)
class Instruction:
    """One line of assembly, without its comment."""

    name: str
    operands: str

    @property
    def touches_stack(self) -> bool:
        return STACK.search(self.operands) is not None

    @property
    def reads_memory(self) -> bool:
        """Whether it reads memory; the last operand of x86 is what is written."""
        if self.name.startswith(("prefetch", "prfm", "lea", "st")):
            return False
        first = self.operands if "[" in self.operands else re.sub(r",\s*[^,()]*$", "", self.operands)
        return MEMORY.search(first) is not None

    def loaded_bytes(self) -> int:
        """Return how many bytes of vectors it reads from memory."""
        if not self.reads_memory:
            return 0
        widths = {"%xmm": 16, "%ymm": 32, "%zmm": 64}
        for register, width in widths.items():
            if register in self.operands:
                return width
        return 16 * len(re.findall(r"\bq\d+", self.operands))


def assembly(compiler: Compiler, source: Path, out: Path) -> str:
    """Return what `compiler` makes of a source as it does for the runner."""
    argv = [*compiler.argv, *FLAGS, f"-I{SOURCES}", "-S", str(source), "-o", str(out)]
    with build_env(compiler) as env:
        run(argv, timeout_s=300, env=env, check=True)
    return out.read_text()


def functions(text: str) -> Mapping[str, list[str]]:
    """Return the lines of each function of lab's own namespaces, by its plain name."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if match := FUNCTION.match(line):
            lines = found.setdefault(match["name"], [])
        elif END.match(line):
            lines = []
        else:
            lines.append(line)
    return found


def loops(lines: list[str]) -> Iterator[list[Instruction]]:
    """Yield each loop: all from a label to the jump back to it."""
    at: dict[str, int] = {}
    for number, line in enumerate(lines):
        if match := LABEL.match(line):
            at[match["label"]] = number
        elif (match := JUMP.match(line)) and match["label"] in at:
            yield list(_instructions(lines[at[match["label"]] : number + 1]))


def _instructions(lines: list[str]) -> Iterator[Instruction]:
    for line in lines:
        code = re.split(r"\s#|//", line)[0]
        if (match := INSTRUCTION.match(code)) and not match["name"].startswith("."):
            yield Instruction(match["name"], match["operands"].strip())
