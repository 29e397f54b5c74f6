"""The order, numbers and clock of a run's events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.core.errors import MeasureError
from lab.ondevice.events import Event, Image, Token
from lab.ondevice.run_log import RunLog, read_run

RAN_ON = {
    "device": "cpu",
    "arch": "x86_64",
    "cpu_model": "",
    "features": [],
    "isa": "",
    "engine": "tvm",
    "threads": 1,
    "pool": "lab",
    "bound": True,
    "metadata": {},
}
COUNTERS = dict.fromkeys(("VmHWM", "VmRSS", "RssAnon", "RssFile", "VmSwap", "major_faults"), 1)


def start(**change: Any) -> dict[str, Any]:
    return {"event": "start", "protocol": 1, "runner": "lab-bench", "t_ns": 10, "threads": 1, "pid": 5, **change}


def loaded(**change: Any) -> dict[str, Any]:
    return {
        "event": "loaded",
        "t_ns": 20,
        "load_ns": 9,
        "weights_bytes": 1,
        "kv_bytes": 1,
        "ran_on": RAN_ON,
        **change,
    }


def verify(passed: bool) -> dict[str, Any]:
    return {"event": "verify", "rel_error": 0.1, "rel_error_max": 0.2, "argmax_match": True, "passed": passed}


def warmup(index: int) -> dict[str, Any]:
    return {"event": "warmup", "index": index, "prefill_ns": 3, "decode_ns": [1, 2]}


def warm(count: int) -> dict[str, Any]:
    return {"event": "warm", "count": count, "stable": True}


def submit(t_ns: int = 30) -> dict[str, Any]:
    return {"event": "submit", "t_ns": t_ns, "prompt": 4, "depth": 0}


def token(i: int, t_ns: int) -> dict[str, Any]:
    return {"event": "token", "i": i, "t_ns": t_ns, "id": 7}


def memory() -> dict[str, Any]:
    return {"event": "memory", "counters": COUNTERS, "rss_anon_peak_bytes": None, "workspace_bytes": None}


def end(count: int, t_ns: int = 99) -> dict[str, Any]:
    return {"event": "end", "t_ns": t_ns, "status": "ok", "prompt_tokens": 4, "generated_tokens": count}


BROKEN = {"event": "broken", "reason": "wrong"}
ERROR = {"event": "error", "where": "weights", "message": "gone"}
HEAD = [start(), loaded(), verify(True), warmup(0), warmup(1), warm(2)]
WHOLE = [*HEAD, submit(), token(0, 40), token(1, 50), memory(), end(2)]


def read(documents: list[dict[str, Any]]) -> RunLog:
    return read_run(json.dumps(document) for document in documents)


def test_a_whole_run() -> None:
    log = read(WHOLE)
    assert log.is_complete
    assert log.tokens == [Token(0, 40, 7), Token(1, 50, 7)]
    assert [item.index for item in log.warmups] == [0, 1]
    parts = (log.start, log.loaded, log.verify, log.warm, log.submit, log.memory, log.end)
    assert all(part is not None for part in parts)
    assert (log.broken, log.error) == (None, None)


def test_an_image_is_encoded_before_the_submit() -> None:
    image = {"event": "image", "encode_ns": 5, "positions": 32}
    log = read([*HEAD, image, *WHOLE[len(HEAD) :]])
    assert log.is_complete
    assert log.image == Image(5, 32)
    with pytest.raises(MeasureError, match="image cannot come after submit"):
        read([*HEAD, submit(), image])


@pytest.mark.parametrize("count", range(len(WHOLE)))
def test_a_killed_run_keeps_what_it_said(count: int) -> None:
    log = read(WHOLE[:count])
    assert not log.is_complete
    assert len(log.tokens) == max(0, min(2, count - 7))


@pytest.mark.parametrize(
    "documents",
    [
        [start(), loaded(), warm(0), submit(), memory(), end(0)],
        [start(), loaded(), memory(), end(0)],
        [start(), loaded(), verify(False), BROKEN],
        [start(), ERROR],
        [*HEAD, ERROR],
        [*WHOLE[:-1], ERROR],
    ],
)
def test_shorter_runs_that_are_whole_too(documents: list[dict[str, Any]]) -> None:
    assert read(documents).is_complete


@pytest.mark.parametrize(
    ("documents", "problem"),
    [
        ([loaded()], "line 1: loaded cannot come after the beginning"),
        ([start(), start()], "line 2: start cannot come after start"),
        ([start(protocol=2)], "line 1: protocol 2, but this lab speaks 1"),
        ([start(), token(0, 20)], "line 2: token cannot come after start"),
        ([*HEAD, token(0, 40)], "line 7: token cannot come after warm"),
        ([start(), loaded(), submit()], "line 3: submit cannot come after loaded"),
        ([*HEAD, submit(), token(1, 40)], "line 8: token 1, but 0 is next"),
        ([*HEAD, submit(), token(0, 40), token(0, 41)], "line 9: token 0, but 1 is next"),
        ([*HEAD, submit(), token(0, 40), token(1, 39)], "line 9: the clock went back: 39 after 40"),
        ([*HEAD, submit(t_ns=19)], "line 7: the clock went back"),
        ([start(), loaded(), warmup(1)], "line 3: warmup 1, but 0 is next"),
        ([start(), loaded(), warmup(0), warm(3)], "line 4: warm after 3 rounds, but 1 were"),
        ([*WHOLE[:-1], end(3)], "line 11: 3 tokens generated, but 2 were"),
        ([*WHOLE[:-1], end(2, t_ns=1)], "line 11: the clock went back"),
        ([*WHOLE, end(2)], "line 12: end cannot come after end"),
        ([*WHOLE, ERROR], "line 12: error cannot come after end"),
        ([*HEAD, submit(), memory(), token(0, 40)], "line 9: token cannot come after memory"),
        ([start(), loaded(), verify(False), warm(0)], "line 4: goes on after a failed verify"),
        ([start(), loaded(), verify(True), BROKEN], "line 4: broken without a failed verify"),
        ([start(), {"event": "info"}], "line 2"),
    ],
)
def test_runs_that_cannot_have_been(documents: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(MeasureError, match=problem):
        read(documents)


def test_tokens_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.ondevice.run_log.MAX_TOKENS", 2)
    with pytest.raises(MeasureError, match="line 10: more than 2 token events"):
        read([*HEAD, submit(), *(token(i, 40 + i) for i in range(3))])


def test_a_wrong_line_changes_nothing() -> None:
    seen: list[Event] = []
    log = RunLog(seen.append)
    log.feed(json.dumps(start()))
    with pytest.raises(MeasureError):
        log.feed(json.dumps(token(0, 20)))
    assert [type(event).__name__ for event in seen] == ["Start"]
    assert log.tokens == []
