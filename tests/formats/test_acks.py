"""accepted.toml: what people wrote stays, what lab writes reads back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.core.errors import ConfigError
from lab.formats.acks import Accepted, acks_path, add, load_acks, remove

ONE = Accepted(
    target="local",
    model="phi3-mini-q4@2l",
    engine="llama.cpp",
    prompt=512,
    generate=128,
    depth=0,
    metric="decode_tok_per_s",
    run="20261123-210000-ab12cd",
    reason="checks each token now",
    level=9.25,
    commit="0" * 40,
)
TWO = replace(ONE, metric="ttft_s", level=None, commit="")


def test_no_file_is_nothing_accepted(home: Path) -> None:
    assert load_acks() == ()


def test_what_was_added_is_read_in_order(home: Path) -> None:
    assert add(ONE) == home / "accepted.toml"
    add(TWO)
    assert load_acks() == (ONE, TWO)


@pytest.mark.parametrize(
    "reason", ['say "why"\nand \\how', "tab\tand \x7f and \x1b[31m", "[[accepted]]", "ü ™ 🦊", "#"]
)
def test_any_reason_reads_back(home: Path, reason: str) -> None:
    add(replace(ONE, reason=reason))
    add(TWO)
    assert [one.reason for one in load_acks()] == [reason, TWO.reason]
    remove([0])
    assert load_acks() == (TWO,)


def test_the_same_change_is_accepted_once_with_the_last_reason(home: Path) -> None:
    add(ONE)
    add(TWO)
    add(replace(ONE, reason="better said", level=9.0))
    assert [one.reason for one in load_acks()] == [TWO.reason, "better said"]


def test_several_are_added_in_one_write_the_last_of_a_change_counts(home: Path) -> None:
    add(TWO)
    better = replace(ONE, reason="better said")
    add(ONE, replace(TWO, reason="again"), better)
    assert load_acks() == (better, replace(TWO, reason="again"))


def test_comments_and_order_stay(home: Path) -> None:
    add(ONE)
    path = acks_path()
    path.write_text(f"# agreed in review\n{path.read_text()}# why we measure this\n")
    add(TWO)
    third = replace(TWO, metric="load_s")
    path.write_text(f"{path.read_text()}\n# before the third\n")
    add(third)
    remove([1])
    assert load_acks() == (ONE, third)
    assert [line for line in path.read_text().splitlines() if line.startswith("#")] == [
        "# agreed in review",
        "# why we measure this",
        "# before the third",
    ]


def test_a_change_that_would_not_read_back_is_not_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(ONE)
    before = acks_path().read_text()
    monkeypatch.setattr("tomlkit.dumps", lambda document: "schema = 1\n")
    with pytest.raises(ConfigError, match="cannot be changed without losing"):
        add(TWO)
    assert acks_path().read_text() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('metric = "', 'metrik = "'), "unknown key"),
        (("prompt = 512", "prompt = -1"), "too small"),
        (('reason = "checks each token now"', 'reason = "  "'), "reason"),
        (("schema = 1", "schema = 2"), "newer"),
        (('run = "2026', 'run = "../'), "form"),
        (("[[accepted]]", "[[accepted"), "not valid TOML"),
    ],
)
def test_a_mistake_is_named(home: Path, change: tuple[str, str], said: str) -> None:
    add(ONE)
    acks_path().write_text(acks_path().read_text().replace(*change))
    with pytest.raises(ConfigError, match=said):
        load_acks()


def test_bad_entries_are_not_written(home: Path) -> None:
    with pytest.raises(ConfigError):
        add(replace(ONE, run="latest"))
    assert not acks_path().exists()


def entry(number: int) -> str:
    names = ["target", "model", "engine", "metric", "reason"]
    fields = [f'{name} = "{getattr(ONE, name)}"' for name in names]
    return ", ".join([*fields, "prompt = 1", "generate = 2", f"depth = {number}", f'run = "{ONE.run}"'])


def table(number: int, head: str = "[[accepted]]") -> str:
    return head + "\n" + entry(number).replace(", ", "\n") + "\n"


FORMS = {
    "one list": lambda: f"accepted = [{', '.join('{' + entry(i) + '}' for i in range(3))}]\n",
    "a list over lines": lambda: "accepted = [\n" + "".join(f"  {{{entry(i)}}}, # no. {i}\n" for i in range(3)) + "]\n",
    "tables": lambda: "".join(table(i) for i in range(3)),
    "indented tables": lambda: "".join(table(i, "  [[ accepted ]] # x") for i in range(3)),
    "a quoted name": lambda: "".join(table(i, '[["accepted"]]') for i in range(3)),
    "returns": lambda: "".join(table(i) for i in range(3)).replace("\n", "\r\n"),
    "a reason that looks like a table": lambda: "".join(
        table(i).replace('reason = "', 'reason = """\n[[accepted]]\n').replace('now"', 'now"""') for i in range(3)
    ),
}


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("form", FORMS)
def test_an_entry_is_taken_out_of_a_file_in_any_form(home: Path, form: str, place: int) -> None:
    acks_path().write_bytes(f"schema = 1\n# why\n{FORMS[form]()}".encode())
    before = load_acks()
    assert [one.depth for one in before] == [0, 1, 2]
    remove([place])
    assert load_acks() == tuple(one for one in before if one.depth != place)
    assert "# why" in acks_path().read_text()


@pytest.mark.parametrize("form", FORMS)
def test_what_was_written_by_hand_stays_around_an_entry_that_comes_and_goes(home: Path, form: str) -> None:
    text = f"schema = 1\n# why\n{FORMS[form]()}# the end\n".encode()
    acks_path().write_bytes(text)
    before = load_acks()
    add(TWO)
    assert load_acks() == (*before, TWO)
    remove([3])
    assert acks_path().read_bytes() == text


COMMENTED = f"""\
schema = 1
# of the file

{table(0)}# below the first

  # above the second
  [[accepted]]  # beside the second
{table(1).partition(chr(10))[2]}
# above the third
{table(2)}# the end
"""


@pytest.mark.parametrize("places", [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]])
def test_only_the_entry_and_what_stands_beside_it_go(home: Path, places: list[int]) -> None:
    acks_path().write_text(COMMENTED)
    remove(places)
    assert [one.depth for one in load_acks()] == [place for place in range(3) if place not in places]
    comments = [line for line in COMMENTED.splitlines() if line.lstrip().startswith("#")]
    assert [line for line in acks_path().read_text().splitlines() if line.lstrip().startswith("#")] == comments


def test_a_file_that_ends_in_the_middle_of_a_line_is_added_to(home: Path) -> None:
    add(ONE)
    acks_path().write_text(acks_path().read_text().rstrip("\n"))
    add(TWO)
    assert load_acks() == (ONE, TWO)
    assert "\n\n[[accepted]]\n" in acks_path().read_text()


def test_the_file_written_by_hand_is_edited(home: Path) -> None:
    acks_path().write_bytes(Path("tests/cases/security/accepted-inline-list.toml").read_bytes())
    assert len(load_acks()) == 1
    remove([0])
    assert load_acks() == ()


@pytest.mark.parametrize(
    "text", ["schema = 1\naccepted = [{target = 1}]\n", "schema = 1\naccepted = 5\n", "accepted = [", "\x00", "é"]
)
def test_what_cannot_be_edited_is_told_and_stays(home: Path, text: str) -> None:
    acks_path().write_text(text, encoding="latin-1")
    before = acks_path().read_bytes()
    with pytest.raises(ConfigError):
        remove([0])
    assert acks_path().read_bytes() == before
