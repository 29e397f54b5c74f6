"""What `lab run` is asked for: each option reaches the process of a target, and names that are none are refused."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from lab.cli.verbs.run import command
from lab.core.errors import UsageError
from lab.formats.run.blocks import RevisionBlock
from lab.jobs.fleet.argv import argv_of
from lab.jobs.options import RunOptions

LEAST = RunOptions(target="local", model="phi3-mini-q4")
# Of every field a value that is not its default: one that is missing here fails the test of its field.
OTHERS = RunOptions(
    target="opencl-host",
    model="phi3-mini-q8",
    layers=2,
    weights=Path("/"),
    lora=Path("/"),
    seed=0,
    address="pi@box:2222",
    accept_new=True,
    engines=("tvm", "llama.cpp"),
    prompt=(64, 128),
    generate=(16,),
    depth=(0, 32),
    repeats=3,
    threads=1,
    profile=True,
    image=Path("cat.png"),
    tags=("v1.2", "nightly"),
    revision=RevisionBlock("c" * 40, False),
    dump_ir=Path("phases"),
)
OWN = ("targets", "resume", "as_json", "as_markdown", "quick")  # options of the verb alone
NAMES = [field.name for field in fields(RunOptions)]


def parsed(argv: list[str]) -> RunOptions:
    """Return what the verb makes of the arguments; the revision as its text."""
    params = dict(command.make_context("run", argv).params)
    (target,) = params.pop("targets")
    revision = params.pop("revision")
    assert [params.pop(name) for name in OWN[1:]] == [None, False, False, False]
    return RunOptions(target=target, revision=revision and RevisionBlock(revision, False), **params)


def test_what_has_its_default_is_left_out() -> None:
    assert argv_of(LEAST) == ["--target", "local", "--model", "phi3-mini-q4"]


@pytest.mark.parametrize("name", NAMES)
def test_each_option_reaches_the_process_of_a_target(name: str) -> None:
    changed: dict[str, Any] = {name: getattr(OTHERS, name)}
    asked = replace(LEAST, **changed)
    assert asked != LEAST
    assert parsed(argv_of(asked)) == asked


def test_all_of_them_do() -> None:
    assert parsed(argv_of(OTHERS)) == OTHERS


def test_the_verb_has_no_option_that_the_record_lacks() -> None:
    assert {param.name for param in command.params} - {*OWN} == {*NAMES} - {"target"}


def test_an_engine_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'llama\.cpp'"):
        replace(LEAST, engines=("lama.cpp",))
