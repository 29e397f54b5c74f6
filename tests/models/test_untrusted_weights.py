"""Configurations and indexes of weights with anything in them: read or refused by the key, at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.core.errors import LabError, ModelError, WeightsError
from lab.models.params import check_sizes, weights_bytes
from lab.models.phi3 import hf
from lab.models.quant import SCHEMES
from lab.models.sources import HuggingFaceSource
from tests.models.folders import write_sharded
from tests.models.small import LONGROPE as SMALL

CASES = Path("tests/cases/security")
INDEX = "model.safetensors.index.json"
BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        1,
        2**31,
        2**63,
        10**39,
        1e308,
        0.5,
        "",
        "x\x1b[2J",
        "a\0b",
        "../x",
        [],
        [1],
        {},
        {"a": 1},
        [{}],
    ]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sharded(tmp_path_factory.mktemp("weights"), SMALL)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    result = copy.deepcopy(document)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return result


def test_a_network_of_two_thousand_million_layers_is_refused() -> None:
    document = json.loads((CASES / "config-of-2-billion-layers.json").read_bytes())
    with pytest.raises(ModelError, match="num_hidden_layers is 2147483648"):
        hf.config_of(document)


@BOUNDED
@given(path=st.sampled_from(list(places(hf.document(SMALL)))[1:]), odd=ODD)
def test_a_configuration_with_one_odd_value_is_refused_or_small(path: tuple[Any, ...], odd: Any) -> None:
    with suppress(ModelError):
        config = hf.config_of(changed(hf.document(SMALL), path, odd))
        check_sizes(config)
        assert weights_bytes(config, SCHEMES["q4"]) > 0


def test_a_weight_map_of_tables_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / INDEX).write_bytes((CASES / "weight-map-of-tables.index.json").read_bytes())
    with pytest.raises(WeightsError, match=r"index.json: .*a.*1.* is not a plain file name"):
        HuggingFaceSource(tmp_path)


@BOUNDED
@given(data=st.data(), odd=ODD)
def test_an_index_with_one_odd_value_is_read_or_refused(folder: Path, data: st.DataObject, odd: Any) -> None:
    sound = json.loads((folder / INDEX).read_text())
    text = json.dumps(changed(sound, data.draw(st.sampled_from(list(places(sound)))), odd))
    path = folder / INDEX
    before = path.read_bytes()
    path.write_text(text)
    try:
        with suppress(LabError):
            HuggingFaceSource(folder)
    finally:
        path.write_bytes(before)
