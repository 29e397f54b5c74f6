"""Every verb explains itself, and its example is one that works as written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from lab.cli.app import VERBS, app
from tests.cli.conftest import Lab


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(app, info_name="lab")
    for verb in app.list_commands(context):
        command = app.get_command(context, verb)
        assert command is not None
        yield verb, command
        if isinstance(command, click.Group):
            yield from ((f"{verb} {name}", inner) for name, inner in command.commands.items())


ALL = dict(commands())


def examples(command: click.Command) -> list[list[str]]:
    lines = (command.help or "").partition("Example:")[2].splitlines()
    return [shlex.split(line)[1:] for line in lines if line.strip().startswith("lab ")]


@pytest.mark.parametrize("verb", ALL)
def test_help_has_an_example_of_this_very_verb(verb: str, lab: Lab) -> None:
    shown = lab(*verb.split(), "--help")
    assert shown.code == 0
    assert "Example:\n" in shown.out
    assert examples(ALL[verb])
    for words in examples(ALL[verb]):
        assert words[0] == verb.split()[0]


@pytest.mark.parametrize(("verb", "words"), [(verb, words) for verb in ALL for words in examples(ALL[verb])])
def test_an_example_parses(verb: str, words: list[str]) -> None:
    """All names, options and values are right, as far as can be told without doing the work."""
    nested = " ".join(words[:2])
    command, rest = (ALL[nested], words[2:]) if nested in ALL else (ALL[words[0]], words[1:])
    command.make_context(words[0], ["." if word.startswith("~") else word for word in rest])


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_of_verbs_says_what_each_help_begins_with(verb: str) -> None:
    assert (ALL[verb].help or "").partition("\n")[0] == VERBS[verb]


@pytest.mark.parametrize("verb", ALL)
def test_each_option_is_explained(verb: str) -> None:
    for option in ALL[verb].params:
        if isinstance(option, click.Option):
            assert option.help, f"{verb} {option.name}"


def test_shared_options_mean_the_same_everywhere() -> None:
    texts: dict[str, set[str]] = {}
    for verb, command in ALL.items():
        for option in command.params:
            if isinstance(option, click.Option) and verb not in ("runs", "clean", "dash", "store export"):  # filters
                texts.setdefault(option.opts[0], set()).add(str(option.help))
    assert all(text.startswith("Device; see 'lab targets'.") for text in texts["--target"])  # `run` takes several
    for name in ("--model", "--json", "--layers", "--weights", "--seed", "--dump-ir"):
        assert len(texts[name]) == 1, name


def test_targets_check_makes_the_checks_its_help_lists(lab: Lab) -> None:
    listed = re.findall(r"^ {4}(\w+) {2,}\S", lab("targets", "check", "--help").out, re.MULTILINE)
    made = [check["name"] for check in lab("targets", "check", "local", "--connect", "--json").document["checks"]]
    assert made == listed
