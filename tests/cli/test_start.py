"""`lab` alone, `lab store` alone, and where help is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.cli.app import GROUPS, VERBS
from tests.cli.conftest import Keep, Lab

LATER = {"run_id": "20261124-210000-ab12ce", "created_at": "2026-11-24T21:00:00Z"}


def test_alone_without_a_run_it_is_the_help(lab: Lab) -> None:
    ran = lab()
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == lab("--help").out


def test_alone_with_runs_it_is_the_last_one_and_what_to_do_next(lab: Lab, keep: Keep, home: Path) -> None:
    first = keep()
    ran = lab()
    assert (ran.code, ran.err) == (0, "")
    assert f"1 run in {home}/profiles" in ran.out
    assert first.run_id in ran.out
    assert "lab run --target local --model phi3-mini-q4 " in ran.out
    keep(**LATER)
    ran = lab()
    assert f"{LATER['run_id']}: " in ran.out
    assert first.run_id not in ran.out
    assert len(re.findall(r"^  lab \S", ran.out, re.MULTILINE)) == 3
    assert "lab compare latest~1 latest" in ran.out


def test_alone_in_a_home_that_is_none_it_is_the_help(lab: Lab, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("LAB_HOME", str(home / "file"))
    ran = lab()
    assert (ran.code, ran.err) == (0, "")
    assert "Usage: lab" in ran.out


@pytest.mark.parametrize("verb", ["store", "toolchain"])
def test_a_verb_of_verbs_alone_prints_its_help_on_stdout(lab: Lab, verb: str) -> None:
    ran = lab(verb)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == lab(verb, "--help").out


def test_verbs_stand_in_groups(lab: Lab) -> None:
    out = lab("--help").out
    places = [out.index(f"\n{title}:\n") for title in GROUPS]
    assert places == sorted(places)
    assert [name for name in re.findall(r"^  ([a-z]+)  ", out, re.MULTILINE) if name in VERBS] == list(VERBS)


@pytest.mark.parametrize("verb", ["targets", "devices", "store", "toolchain"])
def test_a_list_of_sub_commands_is_not_cut(lab: Lab, verb: str) -> None:
    assert "..." not in lab(verb, "--help").out.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        ("dash --html", "see 'lab dash --help'"),
        ("store prune --older-than", "see 'lab store prune --help'"),
        ("run --no-such", "see 'lab run --help'"),
        ("--no-such", "see 'lab --help'"),
    ],
)
def test_an_error_of_usage_names_the_help_of_the_verb(lab: Lab, argv: str, hint: str) -> None:
    ran = lab(*argv.split())
    assert ran.code == 2
    assert f"hint: {hint}" in ran.err


def test_the_metrics_of_metric_are_named(lab: Lab) -> None:
    assert "decode_tok_per_s" in lab("gate", "--help").out


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        ("run --model phi3-mini-q4", "'lab targets' lists emulated-opencl, emulated-phone"),
        ("run --target local", "'lab models' lists phi3-mini-q4"),
        ("probe", "'lab targets' lists"),
        ("convert", "'lab models' lists"),
    ],
)
def test_what_is_missing_is_listed(lab: Lab, argv: str, hint: str) -> None:
    ran = lab(*argv.split())
    assert ran.code == 2
    assert hint in ran.err
    assert f"see 'lab {argv.split()[0]} --help'" in ran.err


def test_an_unknown_target_says_where_one_would_be(lab: Lab, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    ran = lab("probe", "--target", "no-such-device")
    assert ran.code == 2
    assert f"`lab targets` lists them; your own is a file {home}/targets/<name>.toml" in ran.err
    monkeypatch.setenv("LAB_HOME", "nowhere")
    assert "LAB_HOME=nowhere does not exist" in lab("probe", "--target", "no-such-device").err


def test_an_output_is_named_and_a_place_that_refuses_it_has_a_fitting_hint(
    lab: Lab, keep: Keep, tmp_path: Path
) -> None:
    keep()
    ran = lab("export", "latest", "--format", "csv", "-o", str(tmp_path / "no" / "such" / "x.csv"))
    assert (ran.code, ran.out) == (0, "")
    assert f"wrote {tmp_path}/no/such/x.csv" in ran.err
    ran = lab("export", "latest", "--format", "csv", "-o", "/proc/x.csv")
    assert ran.code == 1
    assert "LAB_HOME" not in ran.err
