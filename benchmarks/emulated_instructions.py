"""How many arm64 instructions a token takes, counted in qemu-user by a plugin: for each record of the CPU kernels.

    python -m benchmarks.emulated_instructions

Counts say what a kernel asks of a processor, not how long that takes: emulated times mean nothing. Each kernel of a
decode step is called once and twice at its real size; the difference is what one call takes.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from rich.text import Text

from benchmarks.arguments import add_json, positive
from benchmarks.emulated_kernels import Call, decode_step, product
from lab.compile.cpu.isa import Isa
from lab.compile.zig import zig_env
from lab.core.errors import LabError
from lab.models.catalog import resolve
from lab.models.decoder.config import DecoderConfig
from lab.views.console import to_text
from lab.views.table import left, right, spaced, table
from tests.compile.building import EMULATED, build
from tests.compile.emulated import argv, link, missing, packed, scratch, zig

PLUGIN = Path(__file__).with_name("count_instructions.c")
WIDTH = 80
TIMEOUT_S = 600


@dataclass(frozen=True)
class Count:
    """What one kernel takes: instructions a call, bytes a call reads, calls a token."""

    isa: str
    kernel: str
    instructions: int
    read_bytes: int
    calls: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Count and print; 0 when done, 1 for an error that the message says how to mend."""
    options = _parser().parse_args(arguments)
    try:
        counts = count_all(options.model, options.depth)
    except LabError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(json.dumps([asdict(count) for count in counts], indent=2) if options.json else render(counts, options))
    return 0


def count_all(model: str, depth: int) -> list[Count]:
    """Count every kernel of a decode step of `model` on every record that is emulated, and a tile of prefill.

    LabError: there is no emulator, or no such model, or it has no integer weights.
    """
    spec = resolve(model)
    if problem := missing():
        raise LabError(problem)
    if not spec.scheme.quantised:
        raise LabError(f"{model} has no integer weights, whose kernels are counted here", hint="--model phi3-mini-q4")
    counts = []
    for isa in EMULATED:
        calls = list(decode_step(isa, cast(DecoderConfig, spec.config), spec.scheme.bits, depth))
        hidden, wide = spec.config.hidden_size, spec.config.intermediate_size
        tile = product(isa, f"gate, up of {isa.tile_rows} rows", spec.scheme.bits, hidden, 2 * wide, 0, one_row=False)
        for number, call in enumerate([*calls, tile]):
            counts.append(count(isa, call, f"{isa.name}-{number}"))
    return counts


def count(isa: Isa, call: Call, name: str) -> Count:
    """Return what one call takes."""
    library = link(build(call.kernel, isa).mod, name)
    once, twice = (executed(isa, library, call, times) for times in (1, 2))
    return Count(isa.name, call.name, twice - once, call.read_bytes, call.calls)


def executed(isa: Isa, library: Path, call: Call, times: int) -> int:
    """Return the instructions of a whole program that calls the kernel so many times."""
    words = [*argv(isa, library, "-plugin", str(plugin())), str(times)]
    given = scratch() / "arguments"  # a file: how a pipe is read, in how many pieces, changes from run to run
    given.write_bytes(packed(call.arguments))
    with given.open("rb") as source:
        pipes: dict[str, Any] = {"stdin": source, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        done = subprocess.run(words, **pipes, timeout=TIMEOUT_S, check=True)
    return int(done.stderr.split()[-1])


@functools.cache
def plugin() -> Path:
    """Build the plugin that counts."""
    library = scratch() / "count_instructions.so"
    with zig_env() as env:
        zig(["cc", "-shared", "-fPIC", "-O1", "-Wl,-z,undefs", str(PLUGIN), "-o", str(library)], env)
    return library


def render(counts: Sequence[Count], options: argparse.Namespace) -> str:
    """Render a table a record, a token's sum below, in millions of instructions."""
    parts: list[Any] = [Text(f"{options.model}, one token at depth {options.depth}: millions of arm64 instructions")]
    for name in dict.fromkeys(count.isa for count in counts):
        rows = [count for count in counts if count.isa == name]
        total = sum(count.instructions * count.calls for count in rows)
        last = ["a token", "", "", "", _millions(total)]
        parts += [Text(name), table(_columns(), [*(_row(count) for count in rows), last])]
    parts.append(Text("Instructions: of one call. Counted in qemu-user, which says nothing of time."))
    return to_text(spaced(parts), WIDTH).rstrip()


def _columns() -> list[Any]:
    return [left("Kernel", fold=False), right("Calls"), right("Instructions"), right("Bytes each"), right("A token")]


def _row(count: Count) -> list[str]:
    each = f"{count.read_bytes / count.instructions:.2f}"
    return [
        count.kernel,
        str(count.calls or ""),
        _millions(count.instructions),
        each,
        _millions(count.instructions * count.calls) if count.calls else "",
    ]


def _millions(instructions: int) -> str:
    return f"{instructions / 1e6:.3f}" if instructions < 1e8 else f"{instructions / 1e6:.1f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.emulated_instructions", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", default="phi3-mini-q4", help="a quantised model of `lab models`")
    parser.add_argument("--depth", type=positive, default=512, help="tokens in the KV cache")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
