"""The record of a run that never began: the device did not answer, refused, or had no room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lab.core.errors import LabError
from lab.formats.provenance import provenance
from lab.formats.run_record import (
    SCHEMA,
    BandwidthRecord,
    BundleRecord,
    Cell,
    DeviceRecord,
    EngineRecord,
    MemoryBlock,
    RunRecord,
    WeightsBlock,
    new_run_id,
    utc_now,
)
from lab.formats.target import TargetSpec
from lab.measure.document import as_stored, plan_record, protocol_block, serial_hash, target_record
from lab.measure.plan import Plan
from lab.measure.protocol import STATED
from lab.models import params
from lab.models.catalog import ModelSpec
from lab.models.convert.manifest import model_block
from lab.models.convert.run import weights_key
from lab.models.sources import WeightSource


def unmeasured(
    target: TargetSpec,
    spec: ModelSpec,
    source: WeightSource,
    plan: Plan,
    serial: str,
    problem: LabError,
    layout: str,
    said: Mapping[str, Any],
) -> RunRecord:
    """Return a "failed" record whose cells are "not_run" because of `problem`. What nobody could ask is empty.

    `layout` is how the target's kernels would have read the weights. The key of its bundle is empty: it says nothing of
    what would have run, so no build is blamed. `said` holds its `tags` and its `revision`, where it has them.
    """
    record = RunRecord(
        schema=SCHEMA,
        run_id=new_run_id(),
        created_at=utc_now(),
        status="failed",
        reason=problem.what,
        lab=provenance(),
        protocol=protocol_block(STATED),
        target=target_record(target),
        device=DeviceRecord(serial_hash(serial), target.is_emulated, {}),
        model=model_block(spec, layout),
        weights=_weights(spec, source, layout),
        engine=EngineRecord(target.compile.backend, {}, target.compile.kind, None, plan.threads),
        bundle=_bundle(spec, layout),
        plan=plan_record(plan),
        verify=None,
        bandwidth=BandwidthRecord(plan.threads, (), ()),
        cells=tuple(Cell(**asdict(test), status="not_run", reason=problem.what) for test in plan.cells),
        tags=said.get("tags", ()),
        revision=said.get("revision"),
    )
    return as_stored(record)


def _weights(spec: ModelSpec, source: WeightSource, layout: str) -> WeightsBlock:
    key = weights_key(spec, source, layout)
    return WeightsBlock(key, source.kind, source.source_id, source.kind == "synthetic", layout)


def _bundle(spec: ModelSpec, layout: str) -> BundleRecord:
    model = (spec.config, spec.scheme, layout)
    kv_bytes = params.kv_bytes_per_token(*model)
    memory = MemoryBlock(params.weights_bytes(*model), kv_bytes, None)
    return BundleRecord("", params.decode_weight_bytes(*model), kv_bytes, memory)
