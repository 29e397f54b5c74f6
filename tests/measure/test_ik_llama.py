"""ik_llama.cpp as an engine, against a llama-bench that speaks as its own does: other options, another output."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from lab import store
from lab.core.errors import MeasureError
from lab.core.fields import encode
from lab.formats.run.engine import VariantRates, VariantUsed
from lab.measure.llama.peer import find_llama_bench
from lab.measure.llama.peers import IK_LLAMA
from lab.measure.plan import cells_of
from tests.measure.peers import Peers

VARIANTS = ["q4_0", "q4_0 -rtr", "iq4_xs", "iq4_xs -rtr"]


@pytest.fixture
def alone(peers: Peers) -> Peers:
    peers.names = ("ik_llama.cpp",)
    return peers


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1] if name in words else ""


def test_a_cell_becomes_its_tests(alone: Peers) -> None:
    alone.run(cells=cells_of([8], [20], [0]), repeats=1, memory_generate=4)
    found = [tuple(option(words, name) for name in ("-p", "-n", "-gp", "-pg", "-w")) for words in alone.calls()]
    # Prefill; decode after it, by a test that times the second part alone; memory, the last four generated.
    assert found == [("8", "0", "", "", ""), ("0", "0", "8,19", "", ""), ("0", "0", "", "24,4", "0")]


def test_its_settings_are_those_of_the_plan(alone: Peers) -> None:
    alone.run(prefill_chunk=64, threads=2)
    names = ("-o", "-r", "-t", "-b", "-ub", "-ctk", "-ctv", "-ngl", "-mmp", "-rtr")
    for words in alone.calls():
        assert [option(words, name) for name in names] == ["json", "1", "2", "2048", "64", "f16", "f16", "0", "0", "0"]
        assert not {"-dev", "-d", "-fa", "--no-warmup"} & set(words)  # not its own, or left to it


def test_the_record_says_what_ran(alone: Peers) -> None:
    (record,) = alone.run()
    assert record.status == "ok"
    engine, row = record.engine, record.cells[0].repetitions[0]
    assert (engine.name, engine.requested) == ("ik_llama.cpp", "cpu q4_0")
    assert engine.effective == "CPU avx2 phi3 3B Q4_0, build abc1234"
    assert engine.settings["repack"] is False
    assert [row.prefill_tok_per_s, row.decode_tok_per_s] == pytest.approx([100.0, 20.0])
    assert [one.words for one in row.processes] == ["pp8", "tg19 @ d8"]
    assert "one token" in row.processes[0].warmup
    assert record.cells[0].memory is not None
    assert record.cells[0].memory.rss_peak_bytes is not None
    assert store.load(store.find("latest")) == record


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("sigsegv", "failed", "killed by SIGSEGV: the last words"),
        ("fails-at-the-end", "failed", "exit code 1"),
        ("silent", "rejected", "llama-bench ran 0 tests instead of 1"),
        ("garbage", "failed", "llama-bench output: not valid JSON"),
        ("nan", "failed", "llama-bench output: not valid JSON"),
        ("a-list", "failed", "llama-bench output: not valid JSON"),
        ("says-it-was-watched", "failed", "llama-bench output: not valid JSON"),
        ("lacks-a-key", "failed", "llama-bench output row 1: n_gen"),
        ("text-for-a-number", "failed", "n_prompt"),
        ("twice", "rejected", "llama-bench ran 2 tests instead of 1"),
        ("wrong-shape", "rejected", "generated tokens 5 instead of 0"),
        ("on-a-gpu", "rejected", "layers on a GPU 33 instead of 0"),
        ("repacked", "rejected", "repack True instead of False"),
    ],
)
def test_a_repetition_that_goes_wrong_is_a_row_and_the_rest_goes_on(
    alone: Peers, fault: str, status: str, reason: str
) -> None:
    alone.faults = {"2": fault}  # the prefill of the second repetition
    (record,) = alone.run(repeats=3)
    first, second, third = record.cells[0].repetitions
    assert (first.status, second.status, third.status) == ("ok", status, "ok")
    assert reason in str(second.reason)
    assert (second.prefill_tok_per_s, second.decode_tok_per_s) == (None, None)


def test_a_decode_after_another_depth_is_rejected(alone: Peers) -> None:
    alone.faults = {"3": "another-depth"}
    (record,) = alone.run()
    row = record.cells[0].repetitions[1]
    assert (row.status, row.decode_tok_per_s) == ("rejected", None)
    assert "prompt tokens 8 instead of 0" in str(row.reason)


def test_a_graphics_card_is_seen(alone: Peers) -> None:
    alone.faults = {"*": "with-a-graphics-card"}
    (record,) = alone.run()
    assert str(record.engine.effective).startswith("cuda ")


def test_a_depth_of_its_own_is_refused_before_anything_starts(alone: Peers) -> None:
    with pytest.raises(MeasureError, match="no prefill after a depth") as caught:
        alone.run(cells=cells_of([8], [20], [0, 64]))
    assert "pp8+tg20@d64" in caught.value.what
    assert "--depth" in str(caught.value.hint)
    assert alone.calls() == []


class TestVariants:
    @pytest.mark.parametrize("best", VARIANTS)
    def test_the_fastest_runs_and_every_sample_is_on_record(self, alone: Peers, best: str) -> None:
        alone.find_threads, alone.speeds = True, {best: 1.5}
        (record,) = alone.run(repeats=1)
        tried = record.engine.variants_tried.variants
        assert [label(one) for one in tried] == VARIANTS
        assert all(len(rates) == 2 for one in tried for rates in (one.prefill_tok_per_s, one.decode_tok_per_s))
        used = record.engine.variant
        assert [label(one) for one in (used.prefill, used.decode)] == [best, best]
        assert record.weights.layout == f"gguf-{best.split()[0]}"
        row = record.cells[0].repetitions[0]
        # Alone with one thread it decodes 1.25 times as fast; see the fake.
        assert [row.prefill_tok_per_s, row.decode_tok_per_s] == pytest.approx([150.0, 37.5])
        assert record.engine.flash_tried is None

    def test_without_a_search_the_file_of_the_same_bits_runs(self, alone: Peers) -> None:
        alone.speeds = {"iq4_xs -rtr": 9.0}
        (record,) = alone.run(repeats=1)
        assert record.weights.layout == "gguf-q4_0"
        assert not {"variants_tried", "variant", "flash_tried"} & encode(record.engine).keys()

    @pytest.mark.parametrize("faster", ["on", "off"])
    def test_both_attentions_are_tried_for_both(self, alone: Peers, faster: str) -> None:
        alone.find_threads, alone.flash, alone.types = True, faster, ("q4_0",)
        (record,) = alone.run(cells=cells_of([512], [20], [0]), repeats=1)
        tried = encode(record.engine.flash_tried)
        assert {name: list(tried[name]) for name in tried if name != "depth"} == {
            "decode_tok_per_s": ["on", "off"],
            "prefill_tok_per_s": ["on", "off"],
        }
        digit = str(int(faster == "on"))
        said = [option(words, "-fa") for words in alone.calls()]
        turns = ["1", "0", "0", "1"]
        # Threads; two variants twice; decode and prefill with each; then both as found, and memory as it comes.
        assert said == [""] * 5 + turns * 2 + [digit, digit, ""]
        assert {used["flash"] for used in encode(record.engine.variant).values()} == {faster}

    def test_one_that_gives_no_number_ends_the_search(self, alone: Peers) -> None:
        alone.find_threads, alone.faults = True, {"1": "sigsegv"}
        with pytest.raises(MeasureError, match="its weights could not be tried: killed by SIGSEGV"):
            alone.run()


def label(one: VariantRates | VariantUsed) -> str:
    return one.weights + (" -rtr" if one.repack else "")


def test_it_takes_its_turn_with_the_others(peers: Peers) -> None:
    peers.names = ("tvm", "llama.cpp", "ik_llama.cpp")
    records = peers.run(repeats=2)
    assert [record.engine.name for record in records] == list(peers.names)
    assert [[row.order for row in record.cells[0].repetitions] for record in records] == [[0, 5], [1, 4], [2, 3]]


def test_its_own_variable_and_name_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("llama-bench", "ik-llama-bench", "masked"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("LAB_IK_LLAMA_BENCH", "LAB_IK_LLAMA_BENCH_AVX2"):
        monkeypatch.delenv(name, raising=False)
    assert find_llama_bench(IK_LLAMA) == tmp_path / "ik-llama-bench"
    with pytest.raises(MeasureError, match=r"LAB_IK_LLAMA_BENCH_AVX2 is not set$") as caught:
        find_llama_bench(IK_LLAMA, "_AVX2")
    assert "scripts/build-llama-bench --ik --avx2" in str(caught.value.hint)
    monkeypatch.setenv("LAB_IK_LLAMA_BENCH_AVX2", str(tmp_path / "masked"))
    assert find_llama_bench(IK_LLAMA, "_AVX2") == tmp_path / "masked"


@pytest.mark.slow
@pytest.mark.skipif("LAB_IK_LLAMA_BENCH" not in os.environ, reason="CI does not build ik_llama.cpp: docs/peers.md")
def test_the_real_one_takes_the_files_and_the_options(alone: Peers, tmp_path: Path) -> None:
    from lab.core.progress import NullProgress
    from lab.formats.run_record import TimesRecord
    from lab.measure.llama.engine import LlamaSetup
    from lab.measure.session import measure_engines
    from lab.models.gguf_file import write_gguf
    from lab.models.sources import SyntheticSource
    from tests.measure.samples import TARGET
    from tests.models.small import spec
    from tests.models.test_gguf_iq4_xs import WIDE

    model = spec("q4", replace(WIDE, max_position_embeddings=2048, original_max_position_embeddings=2048))
    source = SyntheticSource(model.config)
    folders = [write_gguf(model, source, tmp_path / "out", NullProgress(), name) for name in ("q4_0", "iq4_xs")]
    bench = alone.bench
    setup = LlamaSetup(IK_LLAMA, find_llama_bench(IK_LLAMA), folders, TARGET, bench.progress, TimesRecord())
    plan = replace(bench.plan, cells=cells_of([512], [5], [0]), threads=1)
    (record,) = measure_engines(
        bench.device, [setup], plan, bench.progress, bench.runner(), find_threads=True, clock=bench.time.clock
    )
    assert [row.reason for row in record.cells[0].repetitions] == [None, None]
    assert len(record.engine.variants_tried.variants) == 4
    assert json.dumps(record.engine.effective).split()[1] in ("avx2", "avx512-vnni")
    memory = record.cells[0].memory
    assert memory is not None
    assert memory.rss_peak_bytes
