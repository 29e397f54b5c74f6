from __future__ import annotations

from collections import Counter

import pytest

from lab.measure.turns import turns


def told(engines: int, cells: int, repeats: int) -> str:
    return " ".join(f"{'ABC'[turn.engine]}{turn.cell or ''}" for turn in turns(engines, cells, repeats))


def test_two_engines_go_a_b_b_a() -> None:
    assert told(2, 1, 4) == "A B B A A B B A"


def test_in_each_cell_and_from_cell_to_cell() -> None:
    assert told(2, 2, 2) == "A B B1 A1 B A A1 B1"


def test_one_engine_goes_through_its_cells() -> None:
    assert [(turn.cell, turn.index) for turn in turns(1, 3, 2)] == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize(("engines", "cells", "repeats"), [(2, 3, 4), (3, 2, 2), (2, 1, 5)])
def test_each_repetition_comes_once_and_its_index_rises(engines: int, cells: int, repeats: int) -> None:
    found = list(turns(engines, cells, repeats))
    assert set(Counter(found).values()) == {1}
    assert len(found) == engines * cells * repeats
    for engine in range(engines):
        for cell in range(cells):
            mine = [turn.index for turn in found if (turn.engine, turn.cell) == (engine, cell)]
            assert mine == list(range(repeats))


def test_over_an_even_number_of_repeats_no_engine_is_first_more_often() -> None:
    for cell in range(3):
        firsts = [turn.engine for turn in turns(2, 3, 4) if turn.cell == cell][::2]
        assert Counter(firsts) == {0: 2, 1: 2}
