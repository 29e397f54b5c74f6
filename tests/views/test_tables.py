"""What people see, at three widths; see snapshot.py on how to renew the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType

from lab.analysis.agreement import Agreement
from lab.analysis.compare.runs import compare_runs
from lab.analysis.judging.judge import Policy
from lab.analysis.listing import lines_of
from lab.analysis.points.build import points_of
from lab.core.errors import ConfigError
from lab.formats.target import CompileSpec, TargetSpec
from lab.formats.transports import DeviceSpec
from lab.models.catalog import CatalogRow
from lab.store import BadRun
from lab.views.compare.page import axis_table
from lab.views.console import to_text
from lab.views.runs.raw_page import show_page
from lab.views.runs.run_table import run_table
from lab.views.runs.runs_table import runs_table
from lab.views.tables.clean import Removable, clean_table
from lab.views.tables.models import models_table
from lab.views.tables.probe import probe_table
from lab.views.tables.targets import Check, checks_table, targets_table
from lab.views.tables.verify import verify_table
from tests.analysis.documents import DOCUMENT, MODEL, PEAK_OF_NIBBLES, cell, failed_repetition, gpu_document, record
from tests.store.test_probe_store import probe
from tests.views.snapshot import WIDTHS, check

WIDTH = pytest.mark.parametrize("width", WIDTHS)


def failed_cell(depth: int = 0) -> dict[str, Any]:
    reason = "killed by SIGSEGV"
    return {**cell(depth=depth), "status": "failed", "reason": reason, "repetitions": [failed_repetition(0, reason)]}


def troubled_run() -> Any:
    """A run in which all that can go wrong did, and which still has to be read."""
    not_run = {**cell(depth=4096), "status": "not_run", "repetitions": [], "memory": None}
    one = cell([6.0, 8.0, 10.0, 12.0, 14.0])
    one["repetitions"][1] = failed_repetition(1, "no answer within 1800 s")
    one["repetitions"][2]["gate"] = {"kept": False, "waited_s": 15.0, "reason": "the processor was 60% busy"}
    one["repetitions"][3]["throttled"] = True
    return record(
        status="interrupted",
        reason="stopped by Ctrl-C",
        model={**MODEL, "label": "phi3-mini-q4@2l", "layers": 2},
        cells=[one, failed_cell(2048), not_run],
        verify={"rel_error": 0.4, "rel_error_max": 0.05, "argmax_match": False, "passed": False},
        bandwidth={"threads": 2, "before": [33e9], "after": [22e9]},
        time_s={"measure": 130.4},
    )


@WIDTH
def test_a_run_on_a_gpu(width: int) -> None:
    run = record(**gpu_document("cpu", fell_back=True, profile=True))
    check("run-gpu", run_table(run, width), width)
    check("show-gpu", show_page(run, width), width)


@WIDTH
def test_a_run(width: int) -> None:
    run = record(cells=[cell(), cell([7.8, 7.9, 8.0, 8.1, 8.2], depth=2048)])
    check("run", run_table(run, width), width)


@WIDTH
def test_a_troubled_run(width: int) -> None:
    text = check("run-troubled", run_table(troubled_run(), width), width)
    joined = " ".join(text.split())
    for said in ("only 2 of 32 layers", "stopped by Ctrl-C", "no answer within 1800 s", "throttled", "FAILED"):
        assert said in joined


@WIDTH
def test_an_impossible_run(width: int) -> None:
    run = record(cells=[cell([20.0] * 5), cell(prefills=[200.0] * 5, depth=64)])
    text = check("run-impossible", run_table(run, width), width)
    assert " ".join(text.split()).count("(above roofline)") == 2 or width < 80


@WIDTH
def test_a_run_of_before_roofs_were_measured(width: int) -> None:
    old = {key: value for key, value in MODEL.items() if key not in ("layer_weights", "head_weights")}
    text = to_text(run_table(record(peak=None, model=old), width), width)
    assert "arithmetic peak was not measured" in " ".join(text.split())
    (line,) = [line for line in text.splitlines() if line.split()[1:2] == ["22.3"]]
    assert line.split()[1:] == ["22.3", "70", "%"]


@WIDTH
def test_a_probe(width: int) -> None:
    gate = {"kept": False, "waited_s": 15.0, "reason": "the processor was 60% busy"}
    check("probe", probe_table(probe(gate=gate)), width)


@WIDTH
def test_one_run_in_every_detail(width: int) -> None:
    check("show", show_page(record(peak=PEAK_OF_NIBBLES), width), width)


@WIDTH
def test_the_list_of_runs(width: int) -> None:
    runs = [record(), troubled_run(), record(cells=[failed_cell()], status="failed", reason="killed by SIGSEGV")]
    bad = [BadRun(Path("profiles/local/x.json"), "its content does not match its sha256")]
    check("runs", runs_table(lines_of(points_of(runs)), bad, width, "none"), width)


@WIDTH
def test_a_comparison(width: int) -> None:
    base = record(cells=[cell(), cell(depth=2048), cell(depth=4096)])
    slower = cell([8.0, 8.1, 8.2, 8.1, 8.0])
    other = record(
        run_id="20261124-210000-ab12ff",
        cells=[slower, failed_cell(2048), cell(depth=8192)],
        engine={**DOCUMENT["engine"], "threads": 1},
    )
    check("compare", axis_table(compare_runs(base, other, Policy()), width), width)


@WIDTH
def test_runs_that_cannot_be_compared(width: int) -> None:
    other = record(model={**MODEL, "label": "phi3-mini-q4@2l", "layers": 2})
    text = check("compare-unlike", axis_table(compare_runs(record(), other, Policy()), width), width)
    assert "not comparable" in text


@WIDTH
def test_models(width: int) -> None:
    backends = {"q4": ("tvm", "mlc"), "q8": ("tvm",), "f16": ("tvm", "mlc"), "f32": ("tvm", "mlc")}

    def rows(preset: str, parameters: int, problem: str = "") -> list[CatalogRow]:
        size = dict(zip(backends, (0.5625, 1.0625, 2, 4), strict=True))
        return [
            CatalogRow(
                id=f"{preset}-{quant}",
                preset=preset,
                quant=quant,
                parameters=parameters,
                disk_bytes=int(parameters * size[quant]),
                kv_bytes_per_token=393216 * (2 if quant == "f32" else 1),
                context_max=4096,
                backends=backends[quant],
                status="unconfirmed" if problem else "ready",
                reason=problem,
                source="config.json",
            )
            for quant in backends
        ]

    known = [*rows("phi3-mini", 3821079552), *rows("smollm2-135m", 134515008, "a made-up problem")]
    check("models", models_table(known, width), width)


@WIDTH
def test_targets(width: int) -> None:
    good = TargetSpec(
        1, "local", "This machine, on its own CPU", DeviceSpec("local"), compile=CompileSpec(features=("+fma",))
    )
    bad = ConfigError("targets/x.toml: [compile].mtripel: unknown key. Did you mean mtriple?", hint="rename it")
    check("targets", targets_table({"local": good, "x": bad}), width)


@WIDTH
def test_checks_of_targets(width: int) -> None:
    checks = [
        Check("local", "file", "passed", "targets/local.toml"),
        Check("local", "processor", "failed", "cpu 'skylake-x' is not known", "set [compile].cpu"),
        Check("phone", "file", "passed", "targets/phone.toml"),
    ]
    check("checks", checks_table(checks), width)


@WIDTH
def test_what_can_be_cleaned(width: int) -> None:
    found = [
        Removable("bundle", Path("/nowhere/compiled/local--phi3-mini-q4--0123456789ab"), 512 << 10),
        Removable("weights", Path("/nowhere/compiled/weights/phi3-mini-q4--0123456789ab"), 2 << 30),
    ]
    check("clean", clean_table(found, removed=False), width)


@WIDTH
def test_a_verification(width: int) -> None:
    near = Agreement(16, 0.0123, 0.0456, 0.05, 0.111, 0.000241, 1.0, True)
    check("verify", verify_table("phi3-mini-q4 on local", near), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    pages: list[RenderableType] = [run_table(troubled_run(), width), show_page(troubled_run(), width)]
    for page in pages:
        assert max(len(line) for line in to_text(page, width).splitlines()) <= width


def test_numbers_are_never_cut_off() -> None:
    """At 60 columns every digit of the run table is still there."""
    text = to_text(run_table(record(), 60), 60)
    for number in (
        "50.0 ± 1.6",
        "10.0 ± 0.2",
        "10.2",
        "3072",
        "2048",
        "240",
        "90",
        "367",
        "39 %",
        "22.3",
        "32.0",
        "70 %",
    ):
        assert number in text
    assert "…" not in text
