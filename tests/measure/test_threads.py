from __future__ import annotations

import pytest

from lab.core.errors import MeasureError
from lab.measure.engine import Rate
from lab.measure.plan import cells_of
from lab.measure.threads import best_threads, counts_to_try
from tests.measure.peers import Peers


@pytest.mark.parametrize(
    ("cores", "counts"),
    [
        (1, [1]),
        (2, [1, 2]),
        (8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (12, [1, 2, 4, 8, 11, 12]),
        (64, [1, 2, 4, 8, 16, 32, 63, 64]),
    ],
)
def test_counts(cores: int, counts: list[int]) -> None:
    assert counts_to_try(cores) == counts


def test_the_median_decides_and_of_equals_the_fewest() -> None:
    rates = [Rate(2, 1, 9), Rate(2, 1, 10), Rate(2, 1, 30), Rate(1, 1, 11), Rate(1, 1, 11), Rate(1, 1, 1)]
    assert best_threads(rates, "decode") == 1
    assert best_threads([Rate(4, 1, 10), Rate(2, 9, 10)], "decode") == 2
    assert best_threads([Rate(1, 3, 10), Rate(2, 9, 5)], "prefill") == 2


def test_each_engine_gets_its_own_and_every_sample_is_kept(peers: Peers) -> None:
    peers.find_threads = True
    ours, theirs = peers.run()
    # The fake runner is as fast with any number; the fake llama-bench decodes faster with one.
    assert (ours.engine.threads, theirs.engine.threads) == (1, 1)
    assert (ours.plan.threads, theirs.plan.threads) == (1, 1)
    tried = theirs.engine.threads_tried
    assert (tried.prompt, tried.generate) == (32, 17)
    assert [(one.threads, list(one.decode_tok_per_s)) for one in tried.counts] == [
        (1, [pytest.approx(25.0)] * 2),
        (2, [pytest.approx(20.0)] * 2),
    ]
    assert [len(one.prefill_tok_per_s) for one in ours.engine.threads_tried.counts] == [2, 2]
    assert "llama.cpp: decodes fastest with 1 of 2 threads (1: 25.0, 2: 20.0 tok/s)" in peers.bench.progress.notes
    assert "llama.cpp: prefills fastest with 2 of 2 threads (1: 60.0, 2: 100.0 tok/s)" in peers.bench.progress.notes


def test_the_peer_prefills_with_its_best_for_that(peers: Peers) -> None:
    peers.find_threads, peers.names = True, ("llama.cpp",)
    (record,) = peers.run(repeats=1)
    assert record.engine.prefill_threads == 2
    assert [words[words.index("-t") + 1] for words in peers.calls()] == ["1,2", "2", "1", "1"]
    row = record.cells[0].repetitions[0]
    assert [one.threads for one in row.processes] == [2, 1]
    assert (row.prefill_tok_per_s, row.decode_tok_per_s) == (pytest.approx(100.0), pytest.approx(25.0))


def test_our_probe_goes_up_and_down_and_is_never_verified(peers: Peers) -> None:
    peers.find_threads, peers.names = True, ("tvm",)
    peers.run()
    probes = peers.bench.calls()[:4]
    assert [words[words.index("--threads") + 1] for words in probes] == ["1", "2", "2", "1"]
    assert not any("--verify" in words for words in probes)
    assert "--verify" in peers.bench.calls()[4]


def test_a_count_that_fails_is_left_out(peers: Peers) -> None:
    peers.find_threads, peers.names = True, ("tvm",)
    peers.bench.faults = {"0": "sigsegv", "3": "error"}
    (record,) = peers.run()
    assert record.engine.threads == 2
    assert [one.threads for one in record.engine.threads_tried.counts] == [2]


@pytest.mark.parametrize("name", ["tvm", "llama.cpp"])
def test_an_engine_that_gives_nothing_is_said_at_once(peers: Peers, name: str) -> None:
    peers.find_threads, peers.names = True, (name,)
    peers.bench.faults, peers.faults = {"*": "sigsegv"}, {"*": "sigsegv"}
    with pytest.raises(MeasureError, match=rf"{name}: no number of threads gave a result: .*killed by SIGSEGV"):
        peers.run()


@pytest.mark.parametrize("fault", ["twice", "wrong-threads", "wrong-shape", "another-model"])
def test_a_probe_of_something_else_is_refused(peers: Peers, fault: str) -> None:
    peers.find_threads, peers.faults = True, {"probe": fault}
    with pytest.raises(MeasureError, match="instead of"):
        peers.run()


def test_without_the_search_the_plan_decides(peers: Peers) -> None:
    for record in peers.run(threads=2):
        assert record.engine.threads == 2
        assert record.engine.threads_tried is None


@pytest.mark.parametrize(("faster", "chosen"), [("off", "off"), ("on", "on")])
def test_the_peer_decodes_with_the_faster_attention(peers: Peers, faster: str, chosen: str) -> None:
    peers.find_threads, peers.names, peers.flash = True, ("llama.cpp",), faster
    (record,) = peers.run(cells=cells_of([512], [20], [0]), repeats=1)
    tried = record.engine.flash_tried
    assert tried.depth == 512
    assert {name: len(rates) for name, rates in tried.decode_tok_per_s.items()} == {"on": 2, "off": 2}
    said = [words[words.index("-fa") + 1] if "-fa" in words else None for words in peers.calls()]
    assert said == [None, "on", "off", "off", "on", None, chosen, None]  # threads; attention; prefill, decode; memory
    assert "flash attention" in "".join(peers.bench.progress.notes)


def test_a_short_context_is_no_reason_to_try_attention(peers: Peers) -> None:
    peers.find_threads, peers.names = True, ("llama.cpp",)
    (record,) = peers.run(cells=cells_of([256], [20], [255]), repeats=1)
    assert record.engine.flash_tried is None
    assert not any("-fa" in words for words in peers.calls())
