"""`lab show`: a page and a half that says each thing once, and nothing of what nobody knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.formats.run_record import RunRecord
from lab.views.console import to_text
from lab.views.markdown import escaped
from lab.views.runs.run_markdown import runs_markdown
from lab.views.runs.run_page import SECTIONS, run_page, run_sections
from tests.analysis.documents import DOCUMENT, cell, gpu_document, record, repetition
from tests.views.snapshot import WIDTHS, check
from tests.views.test_tables import troubled_run

WIDTH = pytest.mark.parametrize("width", WIDTHS)


def watched(index: int, decode: float, clocks: list[float]) -> dict[str, Any]:
    """A repetition with gaps that are not all the same, one of them a pause, and with what was read beside it."""
    one = repetition(index, decode)
    gaps = [1 / decode + 0.0002 * (number % 7) for number in range(126)] + [1.62 if index == 2 else 1 / decode]
    during = {"t_s": [0, 1, 2], "cpu_mhz": clocks, "die_temp_c": [None, None, None]}
    return {**one, "itl_s": gaps, "state_during": during, "gate": {**one["gate"], "busy_fraction": index / 100}}


def watched_run(clocks: tuple[float, ...] = (2445.0, 2445.0, 2445.0)) -> RunRecord:
    one = cell()
    one["repetitions"] = [watched(index, 9.8 + index / 10, list(clocks)) for index in range(5)]
    one["memory"]["samples"] = [[second / 10, (second + 1) << 26] for second in range(40)]
    return record(cells=[one])


def page(run: RunRecord, width: int = 120) -> str:
    return to_text(run_page(run, width), width)


def lines_of(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


@WIDTH
def test_a_page(width: int) -> None:
    check("page", run_page(watched_run(), width), width)


@WIDTH
def test_a_page_of_a_troubled_run(width: int) -> None:
    text = check("page-troubled", run_page(troubled_run(), width), width)
    assert max(map(len, text.splitlines())) <= width


@WIDTH
def test_a_page_of_a_gpu(width: int) -> None:
    check("page-gpu", run_page(record(**gpu_document("cpu", fell_back=True, profile=True)), width), width)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_it_takes_about_a_screen_and_a_half_of_a_usual_terminal(width: int, height: int) -> None:
    lines = page(watched_run(), width).splitlines()
    assert len(lines) <= 60, height
    assert max(map(len, lines)) <= width


def test_a_constant_is_said_once() -> None:
    text = page(watched_run())
    (line,) = lines_of(text, "clock")
    assert line.split() == ["clock", "2445", "MHz", "throughout"]
    assert text.count("2445") == 1


def test_a_series_is_its_ends_its_median_and_a_picture() -> None:
    (line,) = lines_of(page(watched_run((2400.0, 2500.0, 2900.0))), "clock")
    assert line.split()[:5] == ["clock", "2400", "2500", "2900", "MHz"]
    assert "▁" in line
    assert "█" in line


def test_what_is_not_known_is_left_out() -> None:
    text = page(watched_run())
    for name in ("temperature", "power", "Governor", "GPU", "–", "qemu", "unmeasured"):
        assert name not in text


def bins_of(text: str) -> list[str]:
    """The lines of the histogram."""
    after = text.split("gaps between tokens")[1].splitlines()[1:]
    return after[: after.index("")]


def test_one_pause_does_not_take_the_axis_of_the_gaps() -> None:
    text = page(watched_run())
    bins = bins_of(text)
    assert len(bins) == 9
    assert bins[-1].split()[:4] == ["above,", "to", "1620", "1"]
    for share in ("p50", "p90", "p99"):
        assert sum(f"{share} " in line for line in bins) == 1


def test_every_percentile_stands_beside_its_bin() -> None:
    (line,) = [line for line in bins_of(page(watched_run())) if "p50" in line]
    low, _, high = line.split()[:3]
    assert round(float(low)) <= float(line.split("p50 ")[1]) <= round(float(high))


def test_many_tests_have_their_series_in_one_table() -> None:
    text = page(record(cells=[cell(depth=depth) for depth in (0, 64, 128, 256, 512)]))
    assert text.count("median") == 1
    assert "--section series,itl" in text


def imported() -> RunRecord:
    alone = {"index": 0, "order": 0, "status": "ok", "prefill_tok_per_s": 75.0}
    return record(
        imported={"tool": "llama-bench", "file": "x.json"},
        cells=[{**cell(), "generate": 0, "memory": None, "repetitions": [{**alone, "index": i} for i in range(3)]}],
        verify=None,
        bandwidth=None,
        peak=None,
        bundle={
            "key": "",
            "decode_weight_bytes_per_token": None,
            "kv_bytes_per_token": None,
            "memory": {"weights_bytes": None, "kv_bytes_per_token": None, "workspace_bytes": None},
        },
    )


def test_an_imported_run_has_no_table_of_dashes() -> None:
    text = page(imported())
    assert "–" not in text
    assert "not measured" not in text
    assert "75.0" in text
    assert "Peak" not in text


@pytest.mark.parametrize("run", [troubled_run(), watched_run(), imported()], ids=["troubled", "watched", "imported"])
@pytest.mark.parametrize("name", SECTIONS)
def test_each_section_can_be_asked_for_alone(run: RunRecord, name: str) -> None:
    assert to_text(run_sections(run, [name], 80), 80).strip()


def test_each_warning_says_what_to_do() -> None:
    text = " ".join(page(troubled_run()).split())
    for what_to_do in ("lab run --resume 20261123-210000-ab12cd", "Leave --layers out", "--repeats N", "max_busy"):
        assert what_to_do in text


def test_markdown_is_a_table_that_github_reads() -> None:
    table, below = runs_markdown([watched_run(), troubled_run()]).split("\n\n")[:2]
    lines = table.splitlines()
    assert len(lines) == 2 + 1 + 3
    assert len({line.count("|") for line in lines}) == 1
    assert "| Prefill tok/s |" in lines[0]
    assert escaped("9.8") in below or below.startswith("- run 20261123-210000-ab12cd")


def test_markdown_obeys_no_record() -> None:
    text = runs_markdown([record(device={**DOCUMENT["device"], "facts": {"cpu_model": "a|b<img>@you"}})])
    assert "<img>" not in text
    assert "a|b" not in text
    assert "@you" not in text


NUMBER = st.one_of(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62).map(lambda value: value / 1e6))
READINGS = st.lists(st.one_of(st.none(), st.booleans(), NUMBER, st.text(max_size=3)), max_size=5)
NAMES = st.sampled_from(["cpu_mhz", "die_temp_c", "power_w", "t_s"])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    gaps=st.lists(st.integers(0, 10**15).map(lambda value: value / 1e9), max_size=40),
    during=st.dictionaries(NAMES, st.one_of(READINGS, st.none())),
    width=st.integers(40, 140),
)
def test_whatever_a_record_holds_is_a_page_within_the_terminal(
    gaps: list[float], during: dict[str, Any], width: int
) -> None:
    one = {**repetition(0), "itl_s": gaps, "state_during": during}
    run = record(cells=[{**cell(), "repetitions": [one]}])
    assert max(map(len, page(run, width).splitlines())) <= width
    assert to_text(run_sections(run, SECTIONS, width), width)
