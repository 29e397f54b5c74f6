from dataclasses import replace

import pytest

from lab.core.errors import ModelError
from lab.models import catalog
from lab.models.convert.manifest import model_block
from lab.models.quant import SCHEMES
from tests.models import small


def test_resolving_a_whole_model():
    spec = catalog.resolve("phi3-mini-128k-q8")
    assert (spec.id, spec.label, spec.preset_name) == ("phi3-mini-128k-q8", "phi3-mini-128k-q8", "phi3-mini-128k")
    assert (spec.scheme.name, spec.layers, spec.layers_total) == ("q8", 32, 32)


def test_resolving_the_first_layers():
    spec = catalog.resolve("phi3-medium-q4", layers=3)
    assert (spec.label, spec.layers, spec.layers_total) == ("phi3-medium-q4@3l", 3, 40)
    assert spec.config.num_hidden_layers == 3


@pytest.mark.parametrize("layers", [0, -1, 33])
def test_layers_that_are_not_there(layers):
    with pytest.raises(ModelError, match="has 32 layers") as caught:
        catalog.resolve("phi3-mini-q4", layers=layers)
    assert caught.value.hint == "--layers 1 to 32"


def test_a_misspelt_model_is_guessed():
    with pytest.raises(ModelError, match="Did you mean 'phi3-mini-q4'"):
        catalog.resolve("ph3-mini-q4")


def test_a_missing_quantisation_is_asked_for():
    with pytest.raises(ModelError, match="lacks its quantisation") as caught:
        catalog.resolve("phi3-mini")
    assert "phi3-mini-q4" in caught.value.hint


def test_every_id_of_the_catalog_resolves_and_agrees_with_its_row():
    rows = catalog.catalog()
    assert [row.id for row in rows] == catalog.model_ids()
    for row in rows:
        spec = catalog.resolve(row.id)
        assert row.parameters == spec.config.parameters
        assert row.disk_bytes > 0
        assert "tvm" in row.backends
        assert (row.status == "ready") == (row.reason == "")


def test_rows_of_the_real_model():
    row = next(row for row in catalog.catalog() if row.id == "phi3-mini-q4")
    assert (row.parameters, row.kv_bytes_per_token, row.context_max) == (3_821_079_552, 393_216, 4096)
    assert row.disk_bytes == 2_150_043_648
    assert row.backends == ("tvm", "mlc")


def test_custom_networks():
    spec = small.spec("f32", small.GROUPED, layers=1)
    assert (spec.id, spec.label, spec.preset_name) == ("tiny-f32", "tiny-f32@1l", "custom")


def test_heads_of_another_size_than_the_network_are_on_record():
    wide = replace(catalog.resolve("llama3.2-1b-q4").config, head_size=128)
    assert model_block(catalog.custom(wide, SCHEMES["q4"], "wide-q4")).attention_size == 32 * 128
    assert model_block(catalog.resolve("llama3.2-1b-q4")).attention_size is None
