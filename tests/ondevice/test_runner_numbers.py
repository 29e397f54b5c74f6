"""The runner computes what the numpy oracle computes, however the tokens are fed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ondevice import oracle
from tests.ondevice.conftest import Bench, Stub, there
from tests.ondevice.stub_model import VOCAB


def dumped(path: Path, rows: int) -> oracle.Array:
    return np.fromfile(path, dtype="<f4").reshape(rows, VOCAB)


def relative_error(got: oracle.Array, want: oracle.Array) -> float:
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))


@pytest.mark.parametrize(
    ("prompt", "depth", "chunk"),
    [(1, 0, 512), (5, 0, 512), (33, 0, 16), (33, 0, 1), (16, 17, 8), (1, 40, 256), (50, 3, 50)],
)
def test_generates_what_the_oracle_generates(
    bench: Bench, stub: Stub, tmp_path: Path, prompt: int, depth: int, chunk: int
) -> None:
    out = tmp_path / "logits"
    words = ["--depth", str(depth), "--prefill-chunk", str(chunk), "--seed", "11", "--dump-logits", str(out)]
    log = bench.log(stub.folder, *words, prompt=prompt, generate=9)
    fed = oracle.splitmix64_ids(11, depth + prompt, VOCAB)
    ids, rows = oracle.generate(stub.weights, fed, 9)
    assert [token.id for token in log.tokens] == ids
    assert relative_error(dumped(out, 9), rows) < 1e-5


def test_a_prompt_is_judged_without_a_token(bench: Bench, stub: Stub, tmp_path: Path) -> None:
    out = tmp_path / "logits"
    log = bench.log(stub.folder, "--seed", "11", "--dump-logits", str(out), prompt=20, generate=0)
    ids, rows = oracle.generate(stub.weights, oracle.splitmix64_ids(11, 20, VOCAB), 1)
    assert relative_error(dumped(out, 1), rows) < 1e-5
    assert [token.id for token in log.tokens] == ids
    assert there(log.end).generated_tokens == 0
    assert there(log.loaded).kv_bytes == there(bench.log(stub.folder, prompt=20, generate=12).loaded).kv_bytes


def test_feeds_the_ids_of_a_file(bench: Bench, stub: Stub, tmp_path: Path) -> None:
    fed = [130, 0, 7, 7, 99]
    (tmp_path / "ids").write_text("130, 0\n7 7,99 5 5 5\n")
    log = bench.log(stub.folder, "--ids", str(tmp_path / "ids"), "--depth", "2", prompt=3, generate=6)
    assert [token.id for token in log.tokens] == oracle.generate(stub.weights, fed, 6)[0]


def test_threads_do_not_change_the_ids(bench: Bench, stub: Stub) -> None:
    logs = [bench.log(stub.folder, "--threads", n, prompt=20, generate=8) for n in ("1", "2")]
    for log, threads in zip(logs, (1, 2), strict=True):
        assert there(log.start).threads == there(log.loaded).ran_on.threads == threads
    assert [t.id for t in logs[0].tokens] == [t.id for t in logs[1].tokens]


def test_verify_measures_the_distance_to_the_reference(bench: Bench, stub: Stub) -> None:
    verify = there(bench.log(stub.folder, "--verify").verify)
    assert verify.passed
    assert verify.argmax_match
    assert there(verify.rel_error) < 1e-5
    assert verify.rel_error_max == 1e-3
