"""What a stranger's row says, before it becomes part of a recorded run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from lab.formats.run_record import CellMemory, CellStatus
from lab.formats.test import Test


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What was measured, with what and how; tests that share all of it may stand in one run.

    `device` and `settings` are as the tool words them, `other` are columns that lab does not know. Sizes in bytes, null
    where the tool does not say. `chunk` is how many tokens of a prompt are fed at once.
    """

    tool: str
    protocol: dict[str, Any]
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
    model_type: str = ""  # as the tool describes the model; the sizes of experts are in it


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignTest:
    """One test. Rates are in tokens/s: one a repetition, or a single mean of `mean_of` of them (null: not said).

    `raw` is what of the row has no other place. `key` tells this measurement from any other, in whatever format it
    comes. `took_s` is how long it took, as far as that is known. `doubts` are the row's contradictions: the code of a
    flag and a sentence for people.
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
    key: str
    took_s: float = 0.0
    doubts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Found:
    """The rows of one report in their order, and those that are of no use here, each with the reason."""

    tests: tuple[tuple[Subject, ForeignTest], ...]
    skipped: tuple[tuple[int, str], ...] = ()


def test_key(tool: str, at: str, of: str, test: Test, mark: str) -> str:
    """Return what tells a measurement from any other: 16 hex digits, the same in every format of the tool.

    `at` is the time as it stands in the file, `of` the model as the tool names it, `test` what the tool says
    that it is, `mark` what else tells two tests of one second apart. Stored runs have all of it.
    """
    text = "\n".join((tool, at, of, *map(str, (test.prompt, test.generate, test.depth)), mark))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
