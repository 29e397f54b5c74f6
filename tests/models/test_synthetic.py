import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from lab.core.errors import WeightsError
from lab.models.phi3.presets import PRESETS
from lab.models.sources.base import WeightSource
from lab.models.sources.synthetic import SyntheticSource
from tests.models import small

MINI = PRESETS["phi3-mini"].config
NAME = "model.layers.0.mlp.gate_up_proj.weight"
CONFIG = replace(small.PLAIN, intermediate_size=352)  # 704 rows: eleven blocks


def test_values_depend_neither_on_order_nor_on_chunks():
    source = SyntheticSource(CONFIG)
    at_once = source.read_rows(NAME, 0, 704)
    again = SyntheticSource(CONFIG)
    for start, stop in [(690, 704), (0, 1), (63, 65), (1, 63), (64, 128), (65, 690)]:
        assert (again.read_rows(NAME, start, stop) == at_once[start:stop]).all()


def test_threads_read_the_same_values():
    source = SyntheticSource(CONFIG)
    at_once = source.read_rows(NAME, 0, 704)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda i: source.read_rows(NAME, i * 16, i * 16 + 16), range(44)))
    assert (np.concatenate(parts) == at_once).all()


def test_seed_name_and_block_all_matter():
    source = SyntheticSource(CONFIG)
    block = source.read_rows(NAME, 0, 64)
    assert (block != source.read_rows(NAME, 64, 128)).any()
    assert (block != source.read_rows("model.layers.1.mlp.gate_up_proj.weight", 0, 64)).any()
    assert (block != SyntheticSource(CONFIG, seed=1).read_rows(NAME, 0, 64)).any()
    assert SyntheticSource(CONFIG, seed=1).source_id == "seed 1"


def test_values_are_normal_and_exact_in_float16():
    w = SyntheticSource(MINI).read_rows(NAME, 0, 512)
    assert w.dtype == np.float32
    assert (w.astype(np.float16).astype(np.float32) == w).all()
    assert abs(w.mean()) < 1e-4
    assert w.std() == pytest.approx(0.02, rel=1e-3)
    inside = [np.mean(np.abs(w) < 0.02 * sigmas) for sigmas in (1, 2, 3)]
    assert inside == pytest.approx([0.6827, 0.9545, 0.9973], abs=2e-3)
    assert abs(np.corrcoef(w[:, :-1].ravel(), w[:, 1:].ravel())[0, 1]) < 5e-3


def test_norms_are_spread_around_one():
    v = SyntheticSource(MINI).vector("model.norm.weight")
    assert (v.astype(np.float16).astype(np.float32) == v).all()
    assert v.mean() == pytest.approx(1, abs=0.01)
    assert v.std() == pytest.approx(0.1, rel=0.1)


def test_the_stream_is_frozen():
    # Weights with the same key must be the same bytes on every machine and with every numpy.
    source = SyntheticSource(CONFIG)
    state = hashlib.sha256(source.read_rows(NAME, 60, 130).tobytes())
    state.update(source.vector("model.norm.weight").tobytes())
    assert state.hexdigest() == "d20205a4772e711b0c87c45a95247b4ea1aa0afd9698af591d089211acfd4088"


def test_it_is_a_weight_source_with_every_tensor():
    source: WeightSource = SyntheticSource(small.TIED)
    assert source.kind == "synthetic"
    assert "lm_head.weight" not in source.tensor_names()
    assert len(source.tensor_names()) == 2 + 2 * 6


def test_wrong_requests_are_refused():
    source = SyntheticSource(CONFIG)
    with pytest.raises(WeightsError, match="Did you mean"):
        source.read_rows(NAME + "s", 0, 1)
    with pytest.raises(WeightsError, match="rows 0 to 705 asked for; it has 704"):
        source.read_rows(NAME, 0, 705)
    with pytest.raises(WeightsError, match="not 1 dimensions"):
        source.vector(NAME)
