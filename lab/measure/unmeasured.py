"""The record of a run that never began: the device did not answer, refused, or had no room."""

from __future__ import annotations

from dataclasses import asdict

from lab.core.errors import LabError
from lab.core.provenance import provenance
from lab.core.run_record import (
    SCHEMA,
    BandwidthRecord,
    BundleRecord,
    Cell,
    DeviceRecord,
    EngineRecord,
    LabBlock,
    MemoryBlock,
    RunRecord,
    WeightsBlock,
    new_run_id,
    utc_now,
)
from lab.core.target import TargetSpec
from lab.measure.document import plan_record, protocol_block, serial_hash, target_record
from lab.measure.plan import Plan
from lab.measure.protocol import STATED
from lab.models import params
from lab.models.catalog import ModelSpec
from lab.models.convert.manifest import model_block
from lab.models.convert.run import weights_key
from lab.models.layout import LAYOUT
from lab.models.sources import WeightSource


def unmeasured(
    target: TargetSpec, spec: ModelSpec, source: WeightSource, plan: Plan, serial: str, problem: LabError
) -> RunRecord:
    """Return a "failed" record whose cells are "not_run" because of `problem`. What nobody could ask is empty.

    The key of its bundle is empty: it says nothing of what would have run, so no build is blamed.
    """
    return RunRecord(
        schema=SCHEMA,
        run_id=new_run_id(),
        created_at=utc_now(),
        status="failed",
        reason=problem.what,
        lab=LabBlock(**asdict(provenance())),
        protocol=protocol_block(STATED),
        target=target_record(target),
        device=DeviceRecord(serial_hash(serial), target.is_emulated, {}),
        model=model_block(spec),
        weights=_weights(spec, source),
        engine=EngineRecord(target.compile.backend, {}, target.compile.kind, None, plan.threads),
        bundle=_bundle(spec),
        plan=plan_record(plan),
        verify=None,
        bandwidth=BandwidthRecord(plan.threads, (), ()),
        cells=tuple(Cell(cell.prompt, cell.generate, cell.depth, "not_run", problem.what) for cell in plan.cells),
    )


def _weights(spec: ModelSpec, source: WeightSource) -> WeightsBlock:
    key = weights_key(spec, source)
    return WeightsBlock(key, source.kind, source.source_id, source.kind == "synthetic", LAYOUT)


def _bundle(spec: ModelSpec) -> BundleRecord:
    weights_bytes = params.weights_bytes(spec.config, spec.scheme)
    kv_bytes = params.kv_bytes_per_token(spec.config, spec.scheme)
    decode_bytes = params.decode_weight_bytes(spec.config, spec.scheme, LAYOUT)
    return BundleRecord("", decode_bytes, kv_bytes, MemoryBlock(weights_bytes, kv_bytes, None))
