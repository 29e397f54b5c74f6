"""lab compare --axis, and sides that are tags or several runs."""

from __future__ import annotations

from pathlib import Path

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
    assert [len(value["runs"]) for value in ran.document["values"]] == [4, 2]  # one of tvm's is of the last two


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "name two sides, or an axis"),
        (("latest",), "name two sides, or an axis"),
        (("latest", "latest~1", "--axis", "engine"), "leave 'latest' out"),
        (("latest", "latest~1", "--baseline", "tvm"), "need --axis"),
        (("--axis", "engine", "--metric", "decode"), "unknown metric 'decode'"),
        (("--axis", "engine", "--baseline", "tmv"), "Did you mean 'tvm'?"),
        (("--axis", "engine", "--target", "locla"), "Did you mean 'local'"),
        (("--axis", "engine", "--model", "phi3-mimi"), "Did you mean 'phi3-mini'"),
    ],
)
def test_usage(lab: Lab, engines: None, argv: tuple[str, ...], said: str) -> None:
    ran = lab("compare", *argv)
    assert ran.code == 2
    assert said in ran.err


def test_an_empty_store_says_what_is_missing(lab: Lab) -> None:
    ran = lab("compare", "--axis", "engine")
    assert (ran.code, ran.out) == (1, "")
    assert "needs at least two values" in ran.err


@pytest.mark.parametrize("words", [("tvm", "last:2"), ("--axis", "engine")])
def test_a_damaged_run_is_named_however_sides_are_chosen(words: tuple[str, ...], lab: Lab, engines: None) -> None:
    damaged = profiles_dir() / "local" / "20261123T210000Z--phi3-mini-q4--20261123-210000-bad000.json"
    damaged.write_text("{")
    err = lab("compare", *words).err
    assert err.startswith("warning: unreadable: ")
    assert err.count(damaged.name) == 1


def test_runs_of_both_sides_count_for_the_second_as_a_gate_has_it(lab: Lab, engines: None) -> None:
    compared = lab("compare", "tvm", "last:2", "--json")
    gated = lab("gate", "--baseline", "tvm", "--candidate", "last:2", "--json").document
    assert "1 run of last:2 left out of tag tvm" in compared.document["notes"]["last:2"]
    assert "1 run of last:2 left out of tag tvm" in gated["notes"]
    (row,) = [row for row in compared.document["rows"] if row["cell"]["metric"] == "decode_tok_per_s"]
    (other,) = [one for one in gated["verdicts"] if one["cell"]["metric"] == "decode_tok_per_s"]
    assert row["verdicts"]["last:2"] == {name: value for name, value in other.items() if name != "is_alarm"}
    nothing_left = lab("compare", "last:2", "all")
    assert nothing_left.code == 5
    assert "all of last:2 (2 runs) are in all too" in nothing_left.err


@pytest.fixture
def devices(keep: Keep) -> list[str]:
    """Twenty devices with three sessions each that differ, the first one slowest."""
    names = ["local", *(f"device-{number:02}" for number in range(1, 20))]
    for number in range(60):
        place = number % 20
        decodes = [value * (1 + place / 10) * (1 + number / 3000) for value in FIVE]
        keep(
            run_id=f"20261123-210000-{number:06x}",
            created_at=f"2026-11-23T21:00:{number:02}Z",
            target={"name": names[place], "spec": {}},
            cells=[cell(decodes, [50.0] * 5)],
        )
    return names


def test_twenty_values_are_lines_where_they_are_too_many_columns(
    lab: Lab, devices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = lab("compare", "--axis", "target").out.splitlines()
    assert max(map(len, lines)) <= 80
    decode = [line for line in lines if line.split()[:1] == ["device-19"] and "tok/s" in line]
    assert "29.4 tok/s *" in decode[0]
    assert sum(line.lstrip().startswith("2.92 faster") for line in lines) == 1  # the ratio to local
    assert "relative to local" in " ".join(lines)
    assert "–" not in "".join(lines)  # no diagonal of dashes


def test_bars_of_devices_are_sorted_with_their_intervals(lab: Lab, devices: list[str]) -> None:
    argv = ("compare", "--axis", "target", "--metric", "decode_tok_per_s", "--plot", "--reference", "device-05")
    lines = lab(*argv).out.splitlines()
    shown = [line.split()[0] for line in lines if "█" in line]
    assert shown == [*reversed(devices[1:]), "local"]
    assert all("▓" in line or "░" in line for line in lines if "█" in line and not line.startswith("local"))
    assert next(line for line in lines if line.startswith("device-05")).split()[3] == "reference"


def test_the_document_has_each_value_once_a_row(lab: Lab, devices: list[str]) -> None:
    document = lab("compare", "--axis", "target", "--json").document
    (row,) = [row for row in document["rows"] if row["cell"]["metric"] == "decode_tok_per_s"]
    assert sorted(row["verdicts"]) == sorted(devices[1:])
    assert sorted(row["measured"]) == sorted(devices)
    assert row["best"] == "device-19"
    assert row["measured"]["device-19"]["sessions"] == 3
    low, high = row["measured"]["device-19"]["interval"]
    assert low < row["measured"]["device-19"]["value"] < high


def test_every_key_of_the_document_is_described(lab: Lab, engines: None) -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    text = page.partition("\n## Comparison\n")[2].partition("\n## ")[0]
    document = lab("compare", "--axis", "engine", "--json").document
    row = next(row for row in document["rows"] if row["verdicts"])
    keys = [*document, *document["values"][0], *row, *row["measured"]["tvm"], *row["verdicts"]["llama.cpp"]]
    assert [key for key in keys if f"`{key}`" not in text] == []


def test_a_page(lab: Lab, devices: list[str], tmp_path: Path) -> None:
    ran = lab("compare", "--axis", "target", "--html", str(tmp_path / "page.html"))
    assert (ran.code, ran.out) == (0, "")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert all(name in page for name in devices)
    assert lab("compare", "--axis", "target", "--html", "x.html", "--json").code == 2


def test_an_engine_and_a_test_narrow_an_axis(lab: Lab, engines: None) -> None:
    document = lab("compare", "--axis", "tag", "--engine", "tvm", "--json").document
    assert {value["value"]: len(value["runs"]) for value in document["values"]} == {"all": 5, "tvm": 5}
    assert lab("compare", "--axis", "tag", "--test", "pp1").code == 2
    assert "need --axis" in lab("compare", "latest~1", "latest", "--engine", "tvm").err


def test_of_many_runs_the_newest_are_compared_and_the_reference_that_is_named(lab: Lab, keep: Keep) -> None:
    names = [f"20261123-210000-{number:06x}" for number in range(23)]
    for number, name in enumerate(names):
        keep(run_id=name, created_at=f"2026-11-23T21:00:{number:02}Z")
    ran = lab("compare", "--axis", "run", "--metric", "decode_tok_per_s")
    assert "The newest 20 alone; 3 older ones are left out" in ran.out
    document = lab("compare", "--axis", "run", "--reference", names[0], "--json").document
    assert [value["value"] for value in document["values"]] == [names[0], *names[3:]]


def test_markdown_to_paste(lab: Lab, engines: None) -> None:
    text = lab("compare", "--axis", "engine", "--markdown").out
    assert text.startswith("### lab compare: engine\n")
    assert "| Decode |" in text
    assert "<br>0.50 slower |" in text
    bars = lab("compare", "--axis", "engine", "--metric", "decode_tok_per_s", "--plot", "--markdown").out
    assert next(line for line in bars.splitlines() if "█" in line).startswith("    tvm ")
    assert lab("compare", "--axis", "engine", "--markdown", "--json").code == 2


def test_what_a_device_said_is_not_pasted(lab: Lab, keep: Keep) -> None:
    keep()
    broken = {**cell(), "status": "failed", "reason": "ssh secret.example said no", "repetitions": []}
    keep(run_id="20261124-210000-ab12ce", created_at="2026-11-24T21:00:00Z", cells=[broken])
    assert "secret.example" in lab("compare", "latest~1", "latest").out
    assert "secret" not in lab("compare", "latest~1", "latest", "--markdown").out


def test_does_decode_fall_with_depth(lab: Lab, keep: Keep) -> None:
    for number in range(3):
        cells = [cell([rate * (1 + number / 500)] * 5, [50.0] * 5, depth=at) for at, rate in ((0, 10.0), (2048, 8.0))]
        keep(run_id=f"20261123-210000-{number:06x}", created_at=f"2026-11-23T21:00:{number:02}Z", cells=cells)
    out = lab("compare", "--axis", "depth", "--metric", "decode_tok_per_s", "--plot").out
    assert "Decode: -20.0 % from depth 0 to 2048 (slower)" in out
    assert [line.split()[0] for line in out.splitlines() if "█" in line] == ["0", "2048"]
