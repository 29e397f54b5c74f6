"""A driver that shows no function of OpenCL, but hands them out by name: that of Google's phones."""

from __future__ import annotations

from pathlib import Path

from tests.ondevice.opencl.conftest import Bench
from tests.ondevice.opencl.shim import build_by_name

CODE = """
    sent = np.arange(5, dtype="float32")
    out(back=put(sent).numpy().tolist())
"""


def test_it_is_switched_on_and_used(bench: Bench, tmp_path: Path) -> None:
    library = build_by_name(tmp_path)
    answers = bench.run(CODE, {"library": str(library)})
    assert answers["opened"]["library"] == str(library)
    assert answers["back"] == [0, 1, 2, 3, 4]


def test_one_that_hands_out_nothing_is_told_and_passed_over(bench: Bench, tmp_path: Path) -> None:
    library = build_by_name(tmp_path, "-DWITHOUT_SWITCH")
    opened = bench.run(CODE, {"library": str(library)})["opened"]
    assert opened["tried"][0] == f"{library}: has no clGetPlatformIDs"
    assert opened["library"] != str(library)
