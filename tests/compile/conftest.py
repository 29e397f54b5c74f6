"""Which of the kernels' tests are slow ones: those for other processors than this machine's best, and other GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.compile.cpu.isa import Isa
from lab.compile.gpu import Gpu

HERE = Path(__file__).parent
ANY_GPU = "any-f32"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each kernel is among the quick tests once, and in all its variants among all."""
    for item in items:
        values = getattr(item, "callspec", None)
        if values is not None and item.path.is_relative_to(HERE) and any(map(_is_a_variant, values.params.values())):
            item.add_marker(pytest.mark.slow)


def _is_a_variant(value: Any) -> bool:
    from tests.compile.building import NATIVE  # imports TVM, as the tests have by now

    return (isinstance(value, Isa) and value != NATIVE[0]) or (isinstance(value, Gpu) and value.name != ANY_GPU)
