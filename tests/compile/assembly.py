"""The code that LLVM makes of the kernels, as instructions and labels."""

from __future__ import annotations

import functools
import re
from typing import Any

from lab.compile.cpu.isa import ARM_ISAS, Isa
from lab.compile.cpu.kernels.attention_decode import decode_attention
from lab.compile.cpu.kernels.encode import activated, copied, encoded, normalised
from lab.compile.cpu.kernels.encoding import encoding_for
from lab.compile.cpu.kernels.linear import quantised_linear
from lab.compile.cpu.kernels.linear_float import float_linear
from lab.compile.cpu.kernels.linear_row import row_linear
from lab.compile.cpu.kernels.rope import rope_table, split_rotary
from lab.models.activation import SILU_GATED
from tests.compile.building import build


def linear(isa: Isa, rows: int, bits: int = 4) -> Any:
    return quantised_linear(isa, bits, 256, 64, rows, residual=False, out_dtype="float32")


def assembly(kernel: Any, isa: Isa) -> list[str]:
    """Return the instructions and labels; directives and comments are left out."""
    comment = "//" if isa in ARM_ISAS else "#"
    lines = [line.split(comment)[0].strip() for line in build(kernel, isa).mod.inspect_source("asm").splitlines()]
    kept = [line for line in lines if line and (line.endswith(":") or not line.startswith("."))]
    return [line for line in kept if not line.startswith(".Ltmp")]  # of debug information, nobody jumps there


def asks_for_memory(line: str) -> bool:
    """Whether an instruction fetches the address of the runtime's function that hands out working arrays."""
    return "__TVMBackendAllocWorkspace" in line and not line.endswith(":")


@functools.cache
def products(isa: Isa, rows: int, bits: int = 4) -> list[str]:
    return assembly(linear(isa, rows, bits), isa)


@functools.cache
def row_products(isa: Isa, bits: int) -> list[str]:
    """Products as decode takes them: one row, activations of two terms."""
    return assembly(row_linear(isa, bits, 256, 64, residual=False, out_dtype="float32"), isa)


@functools.cache
def attention(isa: Isa, num_kv_heads: int = 8, head_dim: int = 96) -> list[str]:
    return assembly(decode_attention(isa, 8, num_kv_heads, head_dim, "float16", None), isa)


def group_loop(code: list[str], dot: str) -> list[str]:
    """The innermost loop around the dot instructions: from the label before the first to the jump back to it."""
    first = next(i for i, line in enumerate(code) if dot in line)
    begin = max(i for i in range(first) if code[i].endswith(":"))
    back = re.compile(rf"(?:j\w+|b\.\w+|cbn?z)\t(?:\w+, )?{re.escape(code[begin][:-1])}")
    end = next(i for i in range(begin, len(code)) if back.fullmatch(code[i]))
    return code[begin : end + 1]


def inner_loops(code: list[str]) -> list[list[str]]:
    """Return the x86 code of every loop that holds no other."""
    labels = {line[:-1]: i for i, line in enumerate(code) if line.endswith(":")}
    jumps = [(labels.get(line.split("\t")[-1], len(code)), i) for i, line in enumerate(code) if line.startswith("j")]
    loops = [(begin, end) for begin, end in jumps if begin < end]
    inner = [(a, b) for a, b in loops if not any(a <= c and d <= b and (a, b) != (c, d) for c, d in loops)]
    return [code[a : b + 1] for a, b in inner]


def kernels(isa: Isa) -> dict[str, Any]:
    """Every kernel that has no working array and so must ask the runtime for no memory.

    Tiles whose float sums lie in the cache have one, asked for once a piece of work.
    """
    made = {"rope-table": rope_table(96, 4096, 1.0), "split": split_rotary(8, 8, 96, "float16")}
    for bits in (4, 8):
        for rows in (1, isa.tile_rows) if isa.float_sums == "registers" else (1,):
            made[f"linear-{rows}-{bits}"] = linear(isa, rows, bits)
    for bits in (4, 16):
        for one_row in (True, False):
            encoding = encoding_for(isa, bits, one_row=one_row)
            name = f"{encoding.tile_rows}-{encoding.kind}"
            made[f"normalised-{name}"] = normalised(encoding, 256, 1e-5)
            made[f"copied-{name}"] = encoded(encoding, 256, 256, copied, "float16")
            made[f"gated-{name}"] = encoded(encoding, 256, 512, activated(SILU_GATED, 256), "float32")
            if encoding.kind == "float":
                shape = (256, 64, encoding.tile_rows)
                made[f"linear-{name}"] = float_linear(isa, "float16", *shape, residual=True, out_dtype="float32")
    return made
