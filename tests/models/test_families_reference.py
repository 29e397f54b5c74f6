"""Every family's folder, as transformers writes it, and its numpy reference against transformers' own network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lab.models.convert.stream import small_products
from lab.models.decoder.config import DecoderConfig
from lab.models.families import family_of, read_config
from lab.models.llama.config import LlamaConfig
from lab.models.quant import F32
from lab.models.sources import HuggingFaceSource
from tests.models import oracle, small_families, transformers_folder


def reference(source: HuggingFaceSource, ids: list[int]) -> F32:
    """The numpy reference's logits of the last position, with the weights of the folder."""
    family, config = family_of(source.config), source.config

    def product(name: str, x: F32) -> F32:
        rows = {one.hf_name: one.shape[0] for one in family.tensors(config)}[name]
        return small_products(source.read_rows(name, 0, rows), np.ascontiguousarray(x.T)).T

    table = source.read_rows(family.embedding, 0, config.vocab_size)
    return family.logits(config, table[ids], product, source.vector)


@pytest.fixture(params=list(small_families.ALL))
def config(request: pytest.FixtureRequest) -> DecoderConfig:
    return small_families.ALL[request.param]


@pytest.mark.parametrize("length", [1, 21, 80])
def test_logits_of_a_folder_agree_with_transformers(config: DecoderConfig, length: int, tmp_path: Path) -> None:
    model = transformers_folder.write(tmp_path, config)
    source = HuggingFaceSource(tmp_path)
    assert source.config == config
    ids = [(37 * i + 5) % config.vocab_size for i in range(length)]
    assert oracle.rel_error(reference(source, ids), transformers_folder.logits(model, ids)[-1]) < 1e-4


def test_the_config_json_that_transformers_writes_is_read(config: DecoderConfig, tmp_path: Path) -> None:
    transformers_folder.network(config).config.save_pretrained(tmp_path)
    assert read_config(json.loads((tmp_path / "config.json").read_text())) == config


def test_what_it_writes_itself_is_read_again(config: DecoderConfig) -> None:
    document = json.loads(json.dumps(family_of(config).document(config)))
    assert read_config(document) == config


@pytest.mark.parametrize(
    ("name", "plain"), [("llama3 rope", {"rope_scaling": None}), ("linear rope", {"rope_scaling": None})]
)
def test_the_scaling_of_positions_changes_the_logits(name: str, plain: dict[str, None], tmp_path: Path) -> None:
    # Otherwise the agreement above would say nothing about it.
    config = small_families.ALL[name]
    transformers_folder.write(tmp_path, config)
    source, ids = HuggingFaceSource(tmp_path), [(37 * i + 5) % config.vocab_size for i in range(80)]
    scaled = reference(source, ids)
    assert isinstance(config, LlamaConfig)
    source.config = replace(config, rope_scaling=None, rope_short_factor=None, rope_long_factor=None)
    assert oracle.rel_error(reference(source, ids), scaled) > 1e-2
