"""What a stranger's row says, before it becomes part of a recorded run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lab.core.run_record import CellMemory, CellStatus


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What was measured, with what and how; tests that share all of it may stand in one run.

    `device` and `settings` are as the tool words them, `other` are columns that lab does not know. Sizes in bytes, null
    where the tool does not say. `chunk` is how many tokens of a prompt are fed at once.
    """

    tool: str
    protocol: dict[str, str]
    model: str
    quant: str
    source_id: str
    engine: str
    versions: dict[str, str | None]
    requested: str
    effective: str
    fell_back: bool = False
    threads: int = 0
    device: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    chunk: int | None = None
    parameters: int | None = None
    weights_bytes: int | None = None
    kv_dtype: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    other: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Test:
    """One test. Rates are in tokens/s: one a repetition, or a single mean of `mean_of` of them (null: not said).

    `raw` is what of the row has no other place, `identity` what tells this measurement from any other.
    """

    row: int
    at: str
    prompt: int
    generate: int
    depth: int = 0
    prefill: tuple[float, ...] = ()
    decode: tuple[float, ...] = ()
    ttft_s: float | None = None
    repeats: int | None = None
    averaged: bool = False
    status: CellStatus = "ok"
    reason: str | None = None
    memory: CellMemory | None = None
    raw: dict[str, Any] = field(default_factory=dict)
    identity: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """The rows of one file in their order, and those that are of no use here, each with the reason."""

    tests: tuple[tuple[Subject, Test], ...]
    skipped: tuple[tuple[int, str], ...] = ()
