"""Lines from a device are believed only when every part of them makes sense."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.core.errors import MeasureError
from lab.ondevice.events import MAX_LINE_BYTES, Memory, Token, Verify, decode_line

TOKEN = {"event": "token", "i": 3, "t_ns": 17, "id": 5}


def line(**changes: Any) -> str:
    return json.dumps({**TOKEN, **changes})


def test_decodes_an_event() -> None:
    assert decode_line(line(), 1) == Token(i=3, t_ns=17, id=5)


def test_samples_are_optional_and_become_pairs() -> None:
    counters = dict.fromkeys(("VmHWM", "VmRSS", "RssAnon", "RssFile", "VmSwap", "major_faults"), None)
    document = {"event": "memory", "counters": counters, "rss_anon_peak_bytes": None, "workspace_bytes": None}
    event = decode_line(json.dumps(document), 1)
    assert isinstance(event, Memory)
    assert (event.samples, event.counters.VmHWM) == ((), None)
    event = decode_line(json.dumps({**document, "samples": [[1, 2], [3, 4]]}), 1)
    assert isinstance(event, Memory)
    assert event.samples == ((1, 2), (3, 4))


def test_an_error_that_is_no_number_is_null() -> None:
    text = '{"event":"verify","rel_error":null,"rel_error_max":0.05,"argmax_match":false,"passed":false}'
    assert decode_line(text, 1) == Verify(None, 0.05, False, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "null",
        "[]",
        "3",
        '"token"',
        "{}",
        '{"event": 3}',
        '{"event": ["token"]}',
        '{"event": "tokens"}',
        '{"event": "token"}',
        line()[:-1],
        line() + line(),
        line(i=-1),
        line(i=1.5),
        line(i=True),
        line(i="3"),
        line(i=None),
        line(i=2**70),
        line(t_ns=2**63),
        line(t_ns=-1),
        line(extra=1),
        line(id=float("nan")),
        '{"event": "token", "i": 3, "i": 4, "t_ns": 17, "id": 5}',
        '{"event": "end", "t_ns": 1, "status": "fine", "prompt_tokens": 1, "generated_tokens": 1}',
        json.dumps({"event": "error", "where": "x" * 5000, "message": ""}),
        "[" * 100_000,
        "{" + '"a":{' * 50_000,
        "\x00",
        "\udcff",
    ],
)
def test_anything_else_is_refused_with_its_number(text: str) -> None:
    with pytest.raises(MeasureError, match=r"^runner output line 12"):
        decode_line(text, 12)


def test_the_longest_line_has_a_limit() -> None:
    padding = " " * (MAX_LINE_BYTES - len(line()))
    assert decode_line(line() + padding, 1) == Token(3, 17, 5)
    with pytest.raises(MeasureError, match=f"line 9: longer than {MAX_LINE_BYTES} bytes"):
        decode_line(line() + padding + " ", 9)
