"""What can be refused before minutes are spent on compiling and converting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.core.manifest import MemoryBlock, ModelBlock
from lab.core.target import TargetSpec
from lab.measure.checks import check_context, check_memory, check_threads
from lab.measure.plan import Plan
from lab.models.catalog import ModelSpec
from lab.models.convert.manifest import model_block
from lab.models.params import kv_bytes_per_token, weights_bytes


@dataclass(frozen=True)
class Foreseen:
    """The two blocks of a bundle's manifest that the checks read, known before there is a bundle."""

    model: ModelBlock
    memory: MemoryBlock


def check_early(spec: ModelSpec, target: TargetSpec, plan: Plan, facts: dict[str, Any]) -> None:
    """Raise MeasureError for a plan that does not fit the device or the model; the session asks again."""
    sizes = (weights_bytes(spec.config, spec.scheme), kv_bytes_per_token(spec.config, spec.scheme))
    foreseen = Foreseen(model_block(spec), MemoryBlock(*sizes, None))
    check_threads(plan, facts, target)
    check_context(plan, foreseen)
    check_memory(plan, foreseen, facts)
