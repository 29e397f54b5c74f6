"""llama-bench's printed table, of every age."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.analysis.exchange.readers.files import read_file
from lab.analysis.exchange.scanners.scan_markdown import named_test
from lab.formats.test import Test
from tests.analysis.exchange.sources import CASES, all_tests, records, written

OLD = """\
| model                          | backend    | n_gpu_layers | test       |             t/s |
| ------------------------------ | ---------- | -----------: | ---------- | --------------: |
| llama 7B mostly Q4_0           | CUDA       |         99 | pp 512     | 2368.80 ± 93.24 |
| LLaMA 7B mostly Q4_0           | CUDA       |         99 | tg 128     |  131.42 +- 0.59 |
"""
BOTH = """\
| model | size | params | backend | threads | n_ubatch | type_k | fa | mmap | test | t/s |
| --- | ---: | ---: | --- | ---: | ---: | --- | -: | -: | ---: | ---: |
| qwen3moe 30B.A3B Q4_K - Medium | 17.28 GiB | 30.53 B | CPU | 8 | 512 | q8_0 | 1 | 0 | pp512+tg128 | 41.00 Â± 0.10 |
"""


def test_a_table_with_log_and_build() -> None:
    found = read_file(CASES / "markdown-with-log-and-build.txt", "box", date="2026-03-04T00:00:00Z")
    assert found.format == "llama-bench-markdown"
    assert [(Test.of(test), test.prefill, test.decode) for _, test in found.tests] == [
        (Test(512, 0), (1000.0,), ()),
        (Test(0, 128, 512), (), (48.0,)),
    ]
    assert all(test.averaged and test.raw["stddev_ts"] for _, test in found.tests)
    subject = found.tests[0][0]
    assert (subject.commit, subject.versions) == ("aaaaaaa11", {"llama.cpp": "aaaaaaa11 (7000)"})
    assert (subject.model, subject.quant, subject.weights_bytes) == ("llama-1b", "q4_0", 697932186)
    assert {test.at for _, test in found.tests} == {"2026-03-04T00:00:00Z"}


def test_the_files_time_is_taken_and_told() -> None:
    found = read_file(CASES / "markdown-with-log-and-build.txt", "box")
    assert "no date" in found.notes[0]
    assert found.tests[0][1].at in found.notes[0]


@pytest.mark.parametrize("text", [OLD, OLD.replace("n_gpu_layers", "ngl")])
def test_the_table_of_2023(tmp_path: Path, text: str) -> None:
    one, other = all_tests(written(tmp_path, text, "old.md"))
    assert (Test.of(one), one.prefill, Test.of(other), other.decode) == (
        Test(512, 0),
        (2368.8,),
        Test(0, 128),
        (131.42,),
    )


def test_both_phases_and_settings(tmp_path: Path) -> None:
    (run,) = records(written(tmp_path, BOTH, "both.md"))
    (cell,) = run.cells
    assert (cell.prompt, cell.generate, cell.repetitions) == (512, 128, ())
    assert cell.reported["total_tok_per_s"] == [41.0]
    settings = run.engine.settings
    assert (settings["flash_attn"], settings["load_mode"], settings["type_k"]) == ("1", "none", "q8_0")
    assert (run.engine.threads, run.model.label, run.model.parameters) == (8, "qwen3moe-30b.a3b-q4_k_m", 30530000000)


def test_two_tables_have_each_its_build(tmp_path: Path) -> None:
    text = (CASES / "markdown-with-log-and-build.txt").read_text()
    found = read_file(written(tmp_path, text + text.replace("aaaaaaa11", "bbbbbbb22"), "two.md"), "box")
    assert [subject.commit for subject, _ in found.tests] == ["aaaaaaa11"] * 2 + ["bbbbbbb22"] * 2


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("pp512", (512, 0, 0)),
        ("pp 512", (512, 0, 0)),
        ("tg128 @ d512", (0, 128, 512)),
        ("pp512+tg128", (512, 128, 0)),
        ("tg64@pp512", (0, 64, 512)),
        ("pp2048 @ d4096", (2048, 0, 4096)),
        ("", None),
        ("model", None),
        ("@ d5", None),
    ],
)
def test_names_of_tests(name: str, shape: tuple[int, int, int] | None) -> None:
    assert named_test(name) == (shape and Test(*shape))
