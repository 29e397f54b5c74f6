"""What the tests of arm64's kernels rest on: qemu's CPU dies of an instruction that the record does not have."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

import numpy as np
import pytest

from lab.compile.cpu.isa import Isa, isa_named
from lab.compile.cpu.kernels.encoding import encoding_for
from tests.compile.assembly import linear
from tests.compile.building import build
from tests.compile.emulated import argv, emulated, link, packed


def arguments(isa: Isa, rows: int) -> list[Any]:
    """Zeros in the shapes of `assembly.linear`: 256 by 64, 4 bits."""
    encoding = encoding_for(isa, 4, one_row=rows == 1)
    acts = [np.zeros(shape, dtype) for shape, dtype in encoding.shapes(1, 256)]
    weights = [np.zeros((4, 8, 4, 64), np.uint8), np.zeros((4, 8, 16), np.float16)]
    return [*acts, *weights, np.ones((rows, 64), np.float32)]


@pytest.mark.parametrize(
    ("record", "older", "rows"),
    [("neon-dotprod", "neon", 1), ("neon-i8mm", "neon-dotprod", 1), ("neon-i8mm", "neon-dotprod", 10)],
)
def test_a_newer_instruction_is_noticed(record: str, older: str, rows: int) -> None:
    isa = isa_named(record)
    module = build(linear(isa, rows), isa).mod
    words = arguments(isa, rows)
    library = link(module, f"newer-{record}-{rows}")
    done = subprocess.run(argv(isa_named(older), library), input=packed(words), capture_output=True)
    assert done.returncode == -signal.SIGILL, done.stderr
    assert not emulated(module, isa, f"same-{record}-{rows}")(*words)[-1].any()  # and on its own CPU it runs


def test_a_kernel_that_refuses_its_arguments_says_why() -> None:
    isa = isa_named("neon")
    words = arguments(isa, 1)
    words[0] = words[0][:, :4]
    with pytest.raises(AssertionError, match="shape"):
        emulated(build(linear(isa, 1), isa).mod, isa, "refusing")(*words)
