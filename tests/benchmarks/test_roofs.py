"""The benchmark that asks whether roofs bound: its verdict, and that the plain program reads what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import roofs
from benchmarks.roofs import HERE, Against
from lab.core.proc import run
from lab.ondevice.compilers import build_env, compilers


@pytest.mark.parametrize(
    ("median", "fastest", "code"), [(1.09, 0.91, 0), (1.0, 1.11, 1), (0.89, 1.0, 1), (130 / 100, 1.0, 1)]
)
def test_a_roof_is_within_a_tenth_or_it_is_not(
    median: float, fastest: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Against("median", 40e9 * median, 40e9), Against("fastest", 50e9 * fastest, 50e9)]
    monkeypatch.setattr(roofs, "against_plain", lambda folder, threads, turns: found)
    assert roofs.main(["--turns", "1"]) == code
    shown = capsys.readouterr()
    assert f"{median:.2f}" in shown.out
    assert ("NOT within" in shown.err) == bool(code)


def test_the_plain_program_reads_pass_by_pass(tmp_path: Path) -> None:
    compiler, binary = compilers(roofs.ABI)[0], tmp_path / "read_memory"
    flags = ["-x", "c", "-O3", "-Wall", "-Wextra", "-Werror", str(HERE / "read_memory.c"), "-lpthread"]
    with build_env(compiler) as env:
        run([*compiler.argv, *flags, "-o", str(binary)], timeout_s=300, env=env, check=True)
    rates = run([str(binary), "2", str(1 << 20), "3"], timeout_s=60, check=True).stdout.split()
    assert len(rates) == 3
    assert min(map(float, rates)) > 1e6
    assert run([str(binary), "0", str(1 << 20), "3"], timeout_s=60).code == 2
