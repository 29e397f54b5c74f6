"""lab compare --axis, and sides that are tags or several runs."""

from __future__ import annotations

import pytest

from lab.core.home import profiles_dir
from tests.analysis.documents import DOCUMENT, cell
from tests.cli.conftest import Keep, Lab

FIVE = (9.9, 10.0, 10.1, 10.0, 10.05)


@pytest.fixture
def engines(keep: Keep) -> None:
    for number in range(10):
        name, speed = ("tvm", 1.0) if number % 2 else ("llama.cpp", 0.5)
        decodes = [value * speed * (1 + number / 1000) for value in FIVE]
        keep(
            run_id=f"20261123-210000-{number:06x}",
            created_at=f"2026-11-23T21:00:{number:02}Z",
            engine={**DOCUMENT["engine"], "name": name},
            cells=[cell(decodes, [50.0] * 5)],
            tags=[name.replace(".", "-"), "all"],
        )


def test_engines_side_by_side(lab: Lab, engines: None) -> None:
    ran = lab("compare", "--axis", "engine", "--model", "phi3-mini-q4")
    assert ran.code == 0
    assert "all: target local, model phi3-mini-q4, test pp512+tg128" in ran.out
    assert "0.50 slower" in ran.out
    assert ran.out.count("phi3-mini-q4") == 1
    document = lab("compare", "--axis", "engine", "--json").document
    assert (document["axis"], document["baseline"], document["exit_code"]) == ("engine", "tvm", 0)
    (row,) = [row for row in document["rows"] if row["cell"]["metric"] == "decode_tok_per_s"]
    assert row["verdicts"]["llama.cpp"]["word"] == "slower"


def test_bars(lab: Lab, engines: None) -> None:
    out = lab("compare", "--axis", "engine", "--metric", "decode_tok_per_s", "--plot").out
    lengths = {line.split()[0]: line.count("█") for line in out.splitlines() if "█" in line}
    assert lengths["tvm"] / lengths["llama.cpp"] == pytest.approx(2.0, rel=0.1)
    assert "Prefill" not in out


def test_tags_as_sides_are_judged_by_their_sessions(lab: Lab, engines: None) -> None:
    ran = lab("compare", "tvm", "last:2", "--json")
    assert ran.code in (0, 3, 5)
    assert [len(value["runs"]) for value in ran.document["values"]] == [5, 2]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "name two sides, or an axis"),
        (("latest",), "name two sides, or an axis"),
        (("latest", "latest~1", "--axis", "engine"), "leave 'latest' out"),
        (("latest", "latest~1", "--baseline", "tvm"), "need --axis"),
        (("--axis", "engine", "--metric", "decode"), "unknown metric 'decode'"),
        (("--axis", "engine", "--baseline", "tmv"), "Did you mean 'tvm'?"),
    ],
)
def test_usage(lab: Lab, engines: None, argv: tuple[str, ...], said: str) -> None:
    ran = lab("compare", *argv)
    assert ran.code == 2
    assert said in ran.err


def test_an_empty_store_says_what_is_missing(lab: Lab) -> None:
    ran = lab("compare", "--axis", "engine")
    assert (ran.code, ran.out) == (1, "")
    assert "needs two values" in ran.err


@pytest.mark.parametrize("words", [("tvm", "last:2"), ("--axis", "engine")])
def test_a_damaged_run_is_named_however_sides_are_chosen(words: tuple[str, ...], lab: Lab, engines: None) -> None:
    damaged = profiles_dir() / "local" / "20261123T210000Z--phi3-mini-q4--20261123-210000-bad000.json"
    damaged.write_text("{")
    err = lab("compare", *words).err
    assert err.startswith("warning: unreadable: ")
    assert err.count(damaged.name) == 1
