"""What a gate exports: read back by real parsers, with hostile names, and without what a device said."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from markdown_it import MarkdownIt

from lab.analysis.compare.gate import Gate
from lab.analysis.compare.select import codes, select
from lab.analysis.judging.judge import Policy, judge
from lab.analysis.judging.verdict import Judgement, Verdict
from lab.analysis.points.build import points_of
from lab.analysis.points.key import STATUS, CellKey
from lab.formats.verdicts import Word
from lab.views.console import to_text
from lab.views.gate.annotations import gate_annotations, harmless
from lab.views.gate.gate_table import gate_table
from lab.views.gate.junit import gate_junit
from lab.views.gate.markdown import gate_markdown
from tests.analysis.sessions import NEW, OLD, failed, regression, sessions

HOSTILE = "a|b <script>alert(1)</script> `c` *d* [e](http://x) @maintainer ![i](http://y) ::error::x\x1b[2J\nnext, 50%"
HOST = "pi@192.168.1.20"
KEY = {"target": "local", "model": "phi3-mini-q4", "engine": "tvm", "prompt": 512, "generate": 128, "depth": 0}
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def verdict(word: Word, metric: str = "decode_tok_per_s", **changes: object) -> Verdict:
    numbers = {"a": 10.0, "b": 8.0, "ratio": 0.8, "interval": (0.78, 0.82), "sessions_a": 5, "sessions_b": 5}
    key = {**KEY, **{name: changes.pop(name) for name in list(changes) if name in KEY}}
    rest = {"floor": 0.05, "p": 0.001, "p_adjusted": 0.002, **(numbers if metric else {}), **changes}
    return Verdict(cell=CellKey(metric=metric, **key), word=word, reason=f"ssh {HOST} said so", **rest)  # type: ignore[arg-type]


def gate(*verdicts: Verdict, **changes: object) -> Gate:
    found = Judgement(a="main", b="HEAD", verdicts=verdicts, level=0.05, correction="Benjamini-Hochberg")
    return Gate(judgement=found, runs=(5, 3), **changes)  # type: ignore[arg-type]


@pytest.fixture
def real() -> Gate:
    """A regression that the judge itself found, and a cell that broke on a host with a name."""
    broken = [replace(one, model=replace(one.model, label="phi3-mini-q8")) for one in sessions(30, 10.0)]
    now_broken = replace(failed(40, f"{HOST} does not answer"), model=broken[0].model)
    points = points_of([*regression(), *broken, now_broken])
    return Gate(judgement=judge(points, select(points, OLD), select(points, NEW), Policy()), runs=(5, 5))


def test_the_judges_own_words_come_through(real: Gate) -> None:
    words = {(one.cell.model, one.cell.metric): one.word for one in real.judgement.verdicts}
    assert words["phi3-mini-q4", "decode_tok_per_s"] == "slower"
    assert words["phi3-mini-q8", STATUS] == "broke"
    assert real.exit_code == 3
    assert real.outcome.startswith("regression: ")


def test_no_host_leaves_the_house(real: Gate) -> None:
    everything = gate(*[verdict(word) for word in ("slower", "unproven", "not-comparable")], verdict("broke", STATUS))
    for one in (real, everything, gate(verdict("slower"), unreachable=f"{HOST}: no route")):
        for text in (gate_markdown(one), gate_junit(one), gate_annotations(one)):
            assert "192.168" not in text
            assert "pi@" not in text
            assert "pi&#64;" not in text
    assert HOST in to_text(gate_table(real, 100), 100)  # the person at the terminal is told


# The rules of the schema that Jenkins and GitLab read (junit-10.xsd): attributes, and children in their order.
ATTRIBUTES = {
    "testsuites": ({"name"}, {"tests", "failures", "errors", "skipped", "time", "disabled"}),
    "testsuite": ({"name", "tests"}, {"failures", "errors", "skipped", "time", "timestamp", "hostname", "id"}),
    "testcase": ({"name", "classname"}, {"time", "status", "assertions"}),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "skipped": (set(), {"type", "message"}),
}
CHILDREN = {"testsuites": {"testsuite"}, "testsuite": {"testcase"}, "testcase": {"failure", "error", "skipped"}}


def checked(text: str) -> ET.Element:
    """Parse, and hold every element against the rules."""
    root = ET.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        needed, optional = ATTRIBUTES[element.tag]
        assert needed <= set(element.attrib) <= needed | optional, element.tag
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        if element.tag == "testcase":
            assert len(element) <= 1
        for name in {"tests", "failures", "errors", "skipped"} & set(element.attrib):
            assert int(element.attrib[name]) == counted(element, name), name
        if "timestamp" in element.attrib:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.attrib["timestamp"])
    return root


def counted(element: ET.Element, name: str) -> int:
    return len(list(element.iter({"tests": "testcase", "failures": "failure", "errors": "error"}.get(name, name))))


def test_junit_has_a_case_for_each_verdict(real: Gate) -> None:
    root = checked(gate_junit(real, NOW))
    assert len(root.findall("testsuite/testcase")) == len(real.judgement.verdicts)
    failures = {case.get("name") for case in root.iter("testcase") if case.find("failure") is not None}
    assert {"pp512+tg128 Decode", "pp512+tg128 whole test"} <= failures
    assert "pp512+tg128 Prefill" not in failures
    assert root.find("testsuite").get("timestamp") == "2026-11-24T00:00:00"  # type: ignore[union-attr]


def test_junit_skips_what_says_nothing() -> None:
    root = checked(gate_junit(gate(verdict("unproven", needed=3), verdict("not-comparable", STATUS), verdict("same"))))
    skipped = [case.find("skipped").get("message") for case in root.iter("testcase") if len(case)]  # type: ignore[union-attr]
    assert skipped[0].startswith("inconclusive: ")  # type: ignore[union-attr]
    assert "3 more sessions per side may decide" in skipped[0]  # type: ignore[operator]
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("3", "0", "2")


def test_a_device_that_did_not_answer_is_an_error_in_junit() -> None:
    root = checked(gate_junit(gate(verdict("slower"), unreachable="gone")))
    assert (root.get("tests"), root.get("errors")) == ("2", "1")


@pytest.mark.parametrize("text", [HOSTILE, "]]>&amp;\ufffe\ud800\x00", "é漢"])
def test_junit_is_whole_with_any_name(text: str) -> None:
    checked(gate_junit(gate(verdict("slower", engine=text, target=text))))


def test_markdown_shows_hostile_names_as_they_are() -> None:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    found = gate(verdict("slower", engine=HOSTILE), verdict("unproven", target=HOSTILE))
    text = gate_markdown(replace(found, judgement=replace(found.judgement, a=HOSTILE)))
    tokens = parser.parse(text)
    inline = [child for token in tokens for child in token.children or []]
    assert {child.type for child in inline} <= {"text", "strong_open", "strong_close", "softbreak", "code_inline"}
    assert [child.content for child in inline if child.type == "code_inline"] == ["same"]
    assert not [token for token in tokens if token.type in ("html_block", "heading_open") and token.tag == "h1"]
    prose = "\n".join(line for line in text.splitlines() if not line.startswith("    "))  # code means what it says
    assert not re.search(r"<script|@|(?<!\\)\]\(|http:", prose)
    rows = [token for token in tokens if token.type == "tr_open"]
    assert len(rows) == 4  # two tables, a head and a row each: no pipe made a cell, no line break a row
    cells = [token for token in tokens if token.type in ("td_open", "th_open")]
    assert len(cells) == 4 * 10


def test_markdown_says_how_to_prove_the_unproven() -> None:
    found = gate(verdict("unproven", needed=4), verdict("unproven", "ttft_s", needed=2, depth=2048))
    text = gate_markdown(found)
    assert "    # 4 times more" in text
    assert "    lab run --target local --model phi3-mini-q4 --prompt 512 --generate 128 --depth 0,2048" in text


def test_a_long_table_is_cut_with_a_count() -> None:
    text = gate_markdown(gate(*[verdict("slower", prompt=n) for n in range(1, 400)]))
    assert "and 99 more" in text
    assert len(text) < 1 << 20


# How GitHub's runner reads a line (actions/runner, ActionCommand): `::command key=value,key=value::data`.
COMMAND = re.compile(r"::(?P<command>[a-z]+) (?P<properties>[^:]*)::(?P<data>.*)")


def read_back(line: str) -> tuple[str, str, str]:
    match = COMMAND.fullmatch(line)
    assert match, line
    properties = dict(one.split("=", 1) for one in match["properties"].split(","))
    assert set(properties) == {"title"}
    escapes = {"%3A": ":", "%2C": ",", "%0D": "\r", "%0A": "\n", "%25": "%"}
    texts = [properties["title"], match["data"]]
    for code, char in escapes.items():
        texts = [text.replace(code, char) for text in texts]
    return match["command"], *texts  # type: ignore[return-value]


def test_annotations_are_read_back_whole() -> None:
    lines = gate_annotations(gate(verdict("slower", engine="50%, a:b"), verdict("unproven"))).splitlines()
    (error, title, said), (warning, _, _) = map(read_back, lines)
    assert (error, warning) == ("error", "warning")
    assert title == "slower: Decode of pp512+tg128, phi3-mini-q4 on local (50%, a:b)"
    assert said.startswith("8.0 tok/s compared with 10.0 tok/s; -20.0 %")


def test_a_hostile_name_makes_no_command_of_its_own() -> None:
    lines = gate_annotations(gate(verdict("slower", engine=HOSTILE))).splitlines()
    assert len(lines) == 1
    read_back(lines[0])


def test_no_more_annotations_than_github_shows_and_the_rest_is_counted() -> None:
    lines = gate_annotations(gate(*[verdict("slower", prompt=n) for n in range(1, 26)])).splitlines()
    assert len(lines) == 10
    assert lines[-1].endswith("::and 16 more")


@pytest.mark.parametrize("text", ["::error::x", "  ::set-output name=x::y", "a\n::stop-commands::t", "x ##[error]y"])
def test_what_is_printed_in_a_job_is_no_command(text: str) -> None:
    assert not any(re.match(r"\s*::|.*##\[", line) for line in harmless(text).splitlines())


def test_the_table_in_80_columns(real: Gate) -> None:
    text = to_text(gate_table(real, 80), 80)
    assert max(map(len, text.splitlines())) <= 80
    for said in ("baseline   aaaaaaaaaaaa", "slower", "broke", "regression: ", "(exit code 3)"):
        assert said in text


@pytest.mark.parametrize(
    ("verdicts", "changes", "code", "words"),
    [
        ([verdict("same")], {}, 0, "no regression in 1 verdicts"),
        ([verdict("same"), verdict("unproven")], {}, 0, "no regression found; 1 of 2 verdicts are inconclusive"),
        ([verdict("same"), verdict("unproven")], {"strict": True}, 5, "inconclusive: 1 of 2"),
        ([verdict("not-comparable", STATUS)], {}, 5, "not comparable"),
        ([verdict("slower"), verdict("unproven")], {"strict": True}, 3, "regression: 1 of 2"),
        ([verdict("slower")], {"unreachable": "gone"}, 4, "not confirmed: gone"),
        ([verdict("noisier"), verdict("noisier")], {}, 3, "decode_tok_per_s noisier (2)"),
    ],
)
def test_each_ending_has_a_code_and_words(
    verdicts: list[Verdict], changes: dict[str, object], code: int, words: str
) -> None:
    found = gate(*verdicts, **changes)
    assert found.exit_code == code
    assert words in found.outcome


def test_a_command_from_a_record_is_quoted_for_a_shell() -> None:
    (more,) = gate(verdict("unproven", engine="x; rm -rf ~", model="phi3-mini-q4@2l")).more
    assert more.command.startswith("lab run --target local --model phi3-mini-q4 --layers 2 --engine 'x; rm -rf ~'")


def test_codes_of_a_side_are_in_order() -> None:
    assert codes([3, 1]).tolist() == [1, 3]
