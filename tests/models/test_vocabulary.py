"""Folders whose embedding, head or tokenizer disagree with config.json about how many tokens there are."""

from __future__ import annotations

import json

import pytest

from lab.core.errors import WeightsError
from lab.models.decoder.tensors import EMBEDDING, HEAD
from lab.models.sources import HuggingFaceSource
from tests.models import folders, small

VOCAB = small.PLAIN.vocab_size


@pytest.mark.parametrize("name", [EMBEDDING, HEAD])
@pytest.mark.parametrize("rows", [VOCAB - 1, VOCAB + 5])
def test_rows_for_other_tokens_are_refused_by_file_and_key(tmp_path, name, rows):
    state = folders.tensors(small.PLAIN)
    state[name] = state[name].repeat(2, 1)[:rows].contiguous()
    folder = folders.write_single(tmp_path, small.PLAIN, state)
    message = rf"{name}: .*model.safetensors has rows for {rows} tokens, but config.json: vocab_size is {VOCAB}"
    with pytest.raises(WeightsError, match=message):
        HuggingFaceSource(folder)


def tokenizer(folder, **document):
    folders.write_single(folder, small.PLAIN)
    (folder / "tokenizer.json").write_text(json.dumps(document))
    return folder


def added(index):
    return [{"id": 3, "content": "<s>"}, {"id": index, "content": "<|\x1bnew|>", "special": True}]


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({"model": {"vocab": {"a": 0, "z": VOCAB}}}, "model.vocab: 'z'"),
        ({"model": {"vocab": [["a", 0.0]] * (VOCAB + 1)}}, "model.vocab: "),
        ({"model": {"vocab": {"a": 0}}, "added_tokens": added(VOCAB)}, r"added_tokens: '<\|new\|>'"),
    ],
)
def test_a_tokenizer_with_more_tokens_than_the_embedding_is_refused(tmp_path, document, key):
    with pytest.raises(WeightsError, match=rf"tokenizer.json: {key}.* has id {VOCAB}, but config.json: vocab_size is"):
        HuggingFaceSource(tokenizer(tmp_path, **document))


@pytest.mark.parametrize(
    "document",
    [
        {"model": {"vocab": {"a": 0, "z": VOCAB - 1}}, "added_tokens": added(VOCAB - 1)},
        {"model": {"vocab": [["a", 0.0]] * VOCAB}},
        {"model": {"vocab": {}}},
        {"model": None, "added_tokens": [None, {"id": "9"}]},
        {"model": {"vocab": {"a": True, "b": "7"}}},
        {},
    ],
)
def test_a_tokenizer_with_as_many_or_fewer_fits(tmp_path, document):
    HuggingFaceSource(tokenizer(tmp_path, **document))


def test_a_damaged_tokenizer_says_nothing(tmp_path):
    tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    HuggingFaceSource(tmp_path)
