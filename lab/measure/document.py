"""The run record as it stands before anything is measured, or where nothing could be: the device did not answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from lab.core.errors import LabError, ModelError
from lab.core.fields import encode
from lab.devices.base import Device
from lab.formats.manifest import ModelBlock
from lab.formats.provenance import provenance
from lab.formats.run_record import (
    SCHEMA,
    BandwidthRecord,
    BundleRecord,
    Cell,
    DeviceRecord,
    EngineRecord,
    MemoryBlock,
    PeakRecord,
    PlanRecord,
    ProtocolBlock,
    RunRecord,
    TargetRecord,
    WeightsBlock,
    from_json,
    new_run_id,
    to_json,
    utc_now,
)
from lab.formats.target import TargetSpec
from lab.formats.test import recorded
from lab.formats.transports import PUBLIC_OF_DEVICE, TRANSPORTS
from lab.measure.engine import Engine
from lab.measure.plan import Plan
from lab.measure.protocol import STATED
from lab.measure.runner.ask import ask
from lab.measure.runner.invocation import Placed
from lab.models import params
from lab.models.catalog import ModelSpec, resolve
from lab.models.convert.manifest import model_block, weights_block
from lab.models.convert.run import weights_key
from lab.models.sources import WeightSource
from lab.ondevice.events import Info


def new_record(
    device: Device, facts: dict[str, Any], engine: Engine, roof_threads: int, said: dict[str, Any]
) -> RunRecord:
    """Return a record with status "running" and every cell "not_run".

    `said` are further fields of it: `tags`, `revision`, and those that only some runs have.
    """
    told, plan, target = engine.described(), engine.plan, engine.target
    record = RunRecord(
        schema=SCHEMA,
        run_id=new_run_id(),
        created_at=utc_now(),
        status="running",
        reason=None,
        lab=provenance(),
        protocol=protocol_block({**STATED, **told.stated}),
        target=target_record(target),
        device=device_record(device, facts),
        model=counted(told.model),
        weights=told.weights,
        engine=told.engine,
        bundle=told.bundle,
        plan=plan_record(plan),
        verify=None,
        bandwidth=BandwidthRecord(roof_threads, (), ()),
        peak=PeakRecord(roof_threads),
        cells=tuple(Cell(**asdict(test), status="not_run") for test in plan.cells),
        time_s=engine.times,
        **said,
    )
    return as_stored(record)


def as_stored(record: RunRecord) -> RunRecord:
    """Return the record as it will be read again: blocks of a manifest become those of a record, which ask for less."""
    return from_json(to_json(record), where=f"run {record.run_id}")


def target_record(target: TargetSpec) -> TargetRecord:
    """Return the target as records hold it: of where the device is, what its transport declares public alone."""
    spec: dict[str, Any] = encode(target)
    spec["device"] = {name: spec["device"][name] for name in PUBLIC_OF_DEVICE}
    tables = {name: row.recorded(getattr(target, name)) for name, row in TRANSPORTS.items() if name in spec}
    spec = {name: tables.get(name, value) for name, value in spec.items()}
    return TargetRecord(target.name, {name: value for name, value in spec.items() if tables.get(name, True)})


def device_record(device: Device, facts: dict[str, Any]) -> DeviceRecord:
    """Return the device as records hold it."""
    return DeviceRecord(serial_hash(device.serial), device.emulated, facts)


def serial_hash(serial: str) -> str:
    """Return the sha256 of a device's serial: tells devices apart without naming one."""
    return hashlib.sha256(serial.encode()).hexdigest()


def protocol_block(stated: dict[str, Any]) -> ProtocolBlock:
    """Return the protocol as records hold it."""
    return ProtocolBlock(**stated)


def plan_record(plan: Plan) -> PlanRecord:
    """Return the plan as records hold it."""
    tests = tuple(recorded(test) for test in plan.cells)
    return PlanRecord(**{**plan.values, "cells": tests}, settings_fingerprint=plan.settings_fingerprint)


def counted(model: ModelBlock) -> ModelBlock:
    """Return `model` with its counts, by the preset of its name where the manifest has none.

    So folders of an earlier lab stay as good as new ones. A network that no preset describes stays uncounted.
    """
    if model.layer_weights is not None and model.head_weights is not None:
        return model
    try:
        config = resolve(model.id, model.layers).config
    except ModelError:
        return model
    if config.parameters != model.parameters:
        return model
    return replace(model, layer_weights=config.layer_weights, head_weights=config.head_weights)


def with_core_names(device: Device, placed: Placed, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts with the names that the runner gives its cores, where they are numbers."""
    if not str(facts.get("cpu_model")).startswith("arm 0x"):
        return facts
    said, _ = ask(device, placed.info(), placed.env, Info)
    return facts if said is None or not said.cpu_model else {**facts, "cpu_model": said.cpu_model}


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
    what would have run, so no build is blamed. `said` is put on record as it is.
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
        **said,
    )
    return as_stored(record)


def _weights(spec: ModelSpec, source: WeightSource, layout: str) -> WeightsBlock:
    return weights_block(source, weights_key(spec, source, layout), layout)


def _bundle(spec: ModelSpec, layout: str) -> BundleRecord:
    model = (spec.config, spec.scheme, layout)
    kv_bytes = params.kv_bytes_per_token(*model)
    memory = MemoryBlock(params.weights_bytes(*model), kv_bytes, None)
    return BundleRecord("", params.decode_weight_bytes(*model), kv_bytes, memory)
