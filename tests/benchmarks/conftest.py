"""Sessions with a fake runner and a fake llama-bench, as the tests of measuring have them."""

from __future__ import annotations

from tests.measure.conftest import bench, peers

__all__ = ["bench", "peers"]
