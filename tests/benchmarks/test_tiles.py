"""The sweep over tiles: every form computes the same, and exactly one is what the records have."""

from __future__ import annotations

import json

import pytest

from benchmarks import tiles
from tests.compile.building import NATIVE


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(tiles, "K", 64)
    monkeypatch.setattr(tiles, "N", 48)
    monkeypatch.setattr(tiles, "DECODE_N", 48)
    monkeypatch.setattr(tiles, "IN_REGISTERS", ((4, 2), (6, 2)))
    monkeypatch.setattr(tiles, "IN_CACHE", ((4, 2),))
    monkeypatch.setattr(tiles, "KEPT", (8,))
    monkeypatch.setattr(tiles, "AHEAD", (0, tiles.AHEAD_BYTES))
    monkeypatch.setenv("TVM_NUM_THREADS", "1")


@pytest.mark.parametrize("isa", NATIVE, ids=lambda isa: isa.name)
def test_the_form_of_the_record_is_marked(small, capsys, isa):
    assert tiles.main(["--isa", isa.name, "--bits", "4", "--rows", "13", "--rounds", "1", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert [sum(row["ours"] for row in part["rows"]) for part in results.values()] == [1, 1]
    assert all(row["fastest"] > 0 for part in results.values() for row in part["rows"])
