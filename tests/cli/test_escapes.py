"""Records, files and devices full of control characters: none of them comes out of any verb."""

from __future__ import annotations

import copy
import importlib
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lab.cli.main import main
from lab.core.errors import LabError
from lab.formats.digested import digested_bytes
from lab.formats.probe_record import from_json as probe_from_json
from lab.formats.run_record import from_json
from lab.views.console import to_text
from lab.views.runs.raw_page import show_page
from lab.views.runs.run_page import run_page
from tests.cli.conftest import Lab
from tests.formats.samples import RUN

CASES = Path("tests/cases/security")
# A title, the clipboard, clear screen; the same by C1 controls; a bell, a carriage return, an override of direction,
# no width, an isolate, a delete, a tag, markup of rich's own.
POISON = "\x1b]0;t\x07\x1b]52;c;cHduZWQ=\x07\x1b[2J\x9b2J\x9d0;t\x9c\x08\r\u202e\u200b\u2066\x7f\U000e0041[/x][link=http://x]y"
IDS = ("20261123-210000-ab12cd", "20261124-210000-ab12ce")


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _leaves(item, (*path, key))
    if isinstance(value, str) or value is None:
        yield path


def _with(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def poisoned(document: dict[str, Any], read: Any) -> dict[str, Any]:
    """Return the document with POISON in every text, and in the place of every null, that may be any text."""
    for path in list(_leaves(document)):
        inner: Any = document
        for key in path:
            inner = inner[key]
        changed = _with(document, path, f"{inner or ''}{POISON}")
        try:
            read(changed)
        except LabError:
            continue
        document = changed
    return document


@cache
def _rich_run(number: int) -> dict[str, Any]:
    document = copy.deepcopy(RUN)
    document |= {"run_id": IDS[number], "created_at": f"2026-11-2{3 + number}T21:00:00Z", "reason": "r"}
    document["disturbed_by"] = "x"
    document["other_columns"] = "x"
    document["engine"] |= {
        "settings": {"a": ["x"], "b": {"c": "x"}},
        "ran_on": {"device": "opencl", "gpu": {"device": "x"}},
    }
    document["bundle"] |= {"unverified_on_device": ["x"], "mlc_quantisation": "x"}
    cell = document["cells"][0]
    cell |= {"profile": {"reason": "x", "decode": [{"kernel": "x", "count": 1, "total_s": 0.5}]}, "reason": "x"}
    cell["repetitions"][0] |= {"error": "x", "decode_tok_per_s": 10.0 - number, "state_during": {"x": ["x"]}}
    failed = {**cell, "generate": 9, "status": "failed", "repetitions": []}
    document["cells"].append(failed)
    document["plan"]["cells"].append({"prompt": 32, "generate": 9, "depth": 0})
    run = poisoned(document, from_json)
    for table in (run, run["device"]["facts"], run["engine"], run["plan"], run["cells"][0], run["lab"]):
        table[f"key{POISON}"] = {f"in{POISON}": [POISON, {POISON: POISON}]}
    return run


@pytest.fixture
def store(home: Path) -> Path:
    """A home in which every text of every file is poisoned that may be any text."""
    folder = home / "profiles/local"
    (folder / "probes").mkdir(parents=True)
    for number, name in enumerate(IDS):
        run = _rich_run(number)
        stamp = f"2026112{3 + number}T210000Z"
        (folder / f"{stamp}--phi3-mini-q4@2l--{name}.json").write_bytes(digested_bytes(run))
    (folder / "\x1b[2J.json").write_bytes(b"\x1b[2J")
    (folder / "20261123T210000Z--x--20261123-210000-aaaaaa.json").write_bytes(
        digested_bytes({**RUN, POISON: 1, "schema": POISON})
    )
    document = json.loads((CASES / "probe-cpu-model-is-a-table.json").read_bytes())
    del document["sha256"]
    document["device"]["facts"] = {"cpu_model": "x"}
    document["counts"][0] |= {"read_reason": "x", "peak_reason": "x"}
    document["gate"] |= {"kept": False, "reason": "x"}
    probe = poisoned(document, lambda one: probe_from_json(one, where="probe"))
    (folder / "probes/20261124T100000Z--20261124-100000-aaaaaa.json").write_bytes(digested_bytes(probe))
    for kind in ("targets", "dashboards"):
        (home / kind).mkdir()
    text = json.dumps(POISON, ensure_ascii=False).replace("\x7f", "\\u007f")  # as TOML spells it
    (home / "targets/odd.toml").write_text(
        f'schema = 1\nname = "odd"\ndescription = {text}\n[device]\ntransport = "none"\n'
    )
    (home / "targets/bad.toml").write_text(f"schema = 1\nname = {text}\n{text} = 1\n")
    (home / "dashboards/bad.toml").write_text(f"schema = 1\nname = {text}\n")
    entry = {"target": "local", "model": "phi3-mini-q4", "engine": "tvm", "prompt": 1, "generate": 1, "depth": 0}
    lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    lines += [f"reason = {text}", f"metric = {text}", f'run = "{IDS[0]}"', f"commit = {text}"]
    (home / "accepted.toml").write_text("schema = 1\n[[accepted]]\n" + "\n".join(lines) + "\n")
    return home


def _clean(text: str) -> bool:
    return all(char == "\n" or char.isprintable() for char in text)


def _strict(text: str) -> Any:
    def refuse(name: str) -> NoReturn:
        raise AssertionError(name)

    return json.loads(text.encode("utf-8"), parse_constant=refuse)


VIEWS = [
    "runs",
    f"show {IDS[0]}",
    f"show {IDS[0]} --export llama-bench",
    f"compare {IDS[0]} {IDS[1]}",
    "compare --axis run",
    "dash --once",
    "dash compare --once",
    "dash regressions --once",
    "dash --check",
    "regressions",
    "ack --list",
    "probe --target local --last",
    "targets",
    "targets check odd",
    "targets check",
    "store check",
    "gate --baseline latest~1 --candidate latest --all",
    f"export {IDS[0]} --format csv",
]
DOCUMENTS = [
    "runs --json",
    f"show {IDS[0]} --json",
    f"compare {IDS[0]} {IDS[1]} --json",
    "dash --json",
    "dash compare --json",
    "dash --check --json",
    "regressions --json",
    "ack --list --json",
    "probe --target local --last --json",
    "targets --json",
    "store check --json",
    "gate --baseline latest~1 --candidate latest --json",
    f"export {IDS[0]} --format llama-bench",
    f"export {IDS[0]} --format bencher",
    f"export {IDS[0]} --format conbench --repository https://github.com/a/b",
]


@pytest.mark.parametrize("words", VIEWS)
def test_no_view_lets_a_control_character_out(lab: Lab, store: Path, words: str) -> None:
    ran = lab(*words.split())
    assert ran.code in (0, 1, 3, 5), ran.err
    assert _clean(ran.out)
    assert _clean(ran.err)
    assert ran.out or ran.err


@pytest.mark.parametrize("words", DOCUMENTS)
def test_every_document_is_strict_json_without_control_characters(lab: Lab, store: Path, words: str) -> None:
    ran = lab(*words.split())
    assert ran.code in (0, 1, 3, 5), ran.err
    assert _clean(ran.out)
    assert _clean(ran.err)
    assert _strict(ran.out)


def test_json_lines_and_files_are_clean_too(lab: Lab, store: Path, tmp_path: Path) -> None:
    ran = lab("export", *IDS, "--format", "jsonl")
    assert all(_strict(line) for line in ran.out.splitlines())
    assert _clean(ran.out)
    reports = [tmp_path / name for name in ("page.html", "junit.xml", "gate.md", "runs.csv", "bencher.json")]
    page, junit, markdown, table, bencher = map(str, reports)
    lab("dash", "--html", page)
    lab("gate", "--baseline", "latest~1", "--candidate", "latest", "--junit", junit, "--markdown", markdown)
    lab("export", *IDS, "--format", "csv", "-o", table)
    lab("export", IDS[0], "--format", "bencher", "-o", bencher)
    for report in reports:
        assert _clean(report.read_text("utf-8")), report.name
    ET.parse(junit)


def test_show_json_is_the_document(lab: Lab, store: Path) -> None:
    shown = _strict(lab("show", IDS[0], "--json").out)
    del shown["sha256"]
    assert shown == json.loads(json.dumps(_rich_run(0)))


def test_in_colour_only_labs_own_sequences_come_out(store: Path) -> None:
    for page in (show_page, run_page):
        text = to_text(page(from_json(_rich_run(0)), 100), 100, color=True)
        assert "\x1b[1m" in text
        assert _clean(re.sub(r"\x1b\[[0-9;]*m", "", text))


@pytest.mark.parametrize(
    "name", ["run-escapes.json", "run-formula-behind-a-space.json", "run-reason-of-40000-characters.json"]
)
def test_the_cases_are_shown_and_exported(lab: Lab, home: Path, name: str) -> None:
    folder = home / "profiles/local"
    folder.mkdir(parents=True)
    document = json.loads((CASES / name).read_bytes())
    stamp = document["created_at"].replace("-", "").replace(":", "")
    run = folder / f"{stamp}--{document['model']['label']}--{document['run_id']}.json"
    run.write_bytes((CASES / name).read_bytes())
    for words in ("show latest", "runs", "dash --once", "compare latest latest", "export latest --format csv"):
        ran = lab(*words.split())
        assert ran.code in (0, 1, 5), ran.err
        assert _clean(ran.out + ran.err)
        assert max(map(len, ran.out.splitlines())) < 3000
        assert len(ran.out) < 12_000, words
        assert not words.endswith("csv") or not re.search(r"(?m)(^|,)\"?\s*[=@]", ran.out)
    assert lab("show", "latest", "--json").document == document


def test_a_long_reason_is_cut_with_its_length(lab: Lab, home: Path) -> None:
    (home / "profiles/local").mkdir(parents=True)
    case = CASES / "run-reason-of-40000-characters.json"
    (home / "profiles/local/20261123T210000Z--x--20261123-210000-ab12cd.json").write_bytes(case.read_bytes())
    assert re.search(r"… \(400[0-9]{2}\s+characters\)", lab("show", "latest").out)
    reason = json.loads(case.read_bytes())["cells"][0]["reason"] or json.loads(case.read_bytes())["reason"]
    assert len(reason) == 40_000
    assert reason in json.dumps(lab("show", "latest", "--json").document)
    whole = lab("show", "latest", "--raw").out
    assert "characters)" not in whole
    assert whole.count(reason[0]) >= 40_000


def test_errors_and_usage_are_cleaned(lab: Lab, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for words in (["show", POISON], ["run", "--target", POISON], [POISON], ["dash", POISON], ["import", POISON]):
        ran = lab(*words)
        assert ran.code in (1, 2)
        assert _clean(ran.out + ran.err)


def test_a_bug_is_reported_without_what_it_was_about(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(*_: object) -> NoReturn:
        raise RuntimeError(POISON)

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(importlib.import_module("lab.cli.main"), "_run", broken)
    assert main(["runs"]) == 70
    assert _clean(capfd.readouterr().err)
    (kept,) = tmp_path.glob("lab-bug-*")
    assert _clean(kept.read_text("utf-8"))
