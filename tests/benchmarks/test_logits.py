"""Logits of llama.cpp: the GGUF it gets, and what becomes of a program that fails. No llama.cpp is needed."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from benchmarks import logits
from lab.core.errors import MeasureError
from lab.models.quant import SCHEMES
from tests.compile.network import config, random_weights, stored

CONFIG = config(vocab_size=64, num_hidden_layers=1)
IDS = np.arange(6, dtype=np.int32).reshape(2, 3)


def program(folder: Path, script: str) -> Path:
    path = folder / "llama-logits"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("quant", ["q4", "q8"])
def test_the_gguf_stands_for_nearly_the_weights_that_we_store(quant: str, tmp_path: Path) -> None:
    weights, scheme = random_weights(CONFIG), SCHEMES[quant]
    found = logits.stored_in(logits.make_gguf(CONFIG, scheme, weights, tmp_path), CONFIG, scheme)
    ours = stored(weights, scheme)
    assert found.keys() == ours.keys()
    for name, values in ours.items():
        assert found[name].shape == values.shape
        near = np.isclose(found[name], values, rtol=1e-3, atol=1e-6)
        assert near.mean() > 0.99, name  # the two rules differ only in values between two integers


def test_ids_go_in_as_int32_and_logits_come_out_in_shape(tmp_path: Path) -> None:
    zeros = program(tmp_path, 'head -c 24 "$2" | cmp -s - "$2" && head -c $((6 * 5 * 4)) /dev/zero > "$5"')
    found = logits.of_llama(zeros, tmp_path / "model.gguf", IDS.astype(np.uint8), threads=1)
    assert (found.shape, found.dtype) == ((2, 3, 5), np.float32)


def test_a_program_that_fails_is_told_with_its_own_words(tmp_path: Path) -> None:
    broken = program(tmp_path, 'echo "no such model" >&2; exit 1')
    with pytest.raises(MeasureError, match="ended with 1: no such model"):
        logits.of_llama(broken, tmp_path / "model.gguf", IDS, threads=1)


def test_without_the_program_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logits.VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(MeasureError, match="llama-logits") as problem:
        logits.find_program()
    assert "build-llama-bench --logits" in str(problem.value.hint)
    monkeypatch.setenv(logits.VARIABLE, str(program(tmp_path, "exit 0")))
    assert logits.find_program() == tmp_path / "llama-logits"
