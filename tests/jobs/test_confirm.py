"""`lab gate --confirm`: the order of things, what it may withdraw, and how it ends; a stand-in measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.analysis.compare.select import select
from lab.analysis.judging.judge import Policy, judge
from lab.analysis.points.load import load_points
from lab.core.errors import BundleError, DeviceUnreachableError
from lab.core.progress import NullProgress
from lab.formats.run_record import RunRecord
from lab.formats.tags import CONFIRM
from lab.formats.test import Test
from lab.jobs.confirm import confirm, is_suspect
from lab.jobs.gate import Asked, Judged, judged
from lab.jobs.interrupt import Interrupted
from lab.jobs.rebuild import Sessions, bundle_of
from tests.analysis.documents import DOCUMENT
from tests.analysis.sessions import NEW, NOISE, OLD, session, sessions
from tests.cli.conftest import Lab

OLD_BUILD, NEW_BUILD = "1" * 64, "2" * 64


def bundle(key: str) -> dict[str, Any]:
    return {**DOCUMENT["bundle"], "key": key}


class Bench:
    """Measures by saying what the build of a record is worth today: tok/s by the key of its bundle."""

    def __init__(self, rates: dict[str, float], ending: Callable[[int], None] = lambda turn: None) -> None:
        self.rates, self.ending = rates, ending
        self.order: list[str] = []
        self.cells: set[tuple[Test, ...]] = set()
        self.records: list[RunRecord] = []
        self.gone = ""

    def check(self, record: RunRecord) -> None:
        if record.bundle.key == self.gone:
            raise BundleError("it is not in compiled/", hint="check out aaaa and lab run")

    def session(self, record: RunRecord, cells: tuple[Test, ...], marks: dict[str, Any]) -> RunRecord:
        turn = len(self.order)
        self.ending(turn)
        self.order.append(record.bundle.key[0])
        self.cells.add(cells)
        rate = self.rates[record.bundle.key] * NOISE[turn % len(NOISE)]
        made = session(100 + turn, rate, bundle=bundle(record.bundle.key), tags=[CONFIRM], **marks)
        store.save(made)
        self.records.append(made)
        return made


@pytest.fixture
def suspicion(home: Path) -> Judged:
    """Five sessions of the old build at 10 tok/s, five of the new one 20 % slower."""
    for record in [
        *sessions(0, 10.0, bundle=bundle(OLD_BUILD)),
        *sessions(10, 8.0, commit=NEW, bundle=bundle(NEW_BUILD)),
    ]:
        store.save(record)
    return judged(Asked(baseline=f"rev:{OLD}", candidate=f"rev:{NEW}"), NullProgress())


def words(
    found: Judged, bench: Bench, rounds: int = 2
) -> tuple[dict[str, tuple[str, bool | None]], list[str], str | None]:
    judgement, notes, unreachable = confirm(found, bench, rounds, NullProgress())
    return {one.cell.metric: (one.word, one.confirmed) for one in judgement.verdicts}, notes, unreachable


def test_old_and_new_take_turns_and_the_alarm_stands(suspicion: Judged) -> None:
    bench = Bench({OLD_BUILD: 10.0, NEW_BUILD: 8.0})
    found, notes, unreachable = words(suspicion, bench)
    assert "".join(bench.order) == "12211221"
    assert bench.cells == {(Test(512, 128),)}
    assert found["decode_tok_per_s"] == ("slower", True)
    assert found["prefill_tok_per_s"] == ("same", None)  # nobody suspected it
    assert (notes, unreachable) == ([], None)


def test_what_is_not_there_any_more_is_no_alarm(suspicion: Judged) -> None:
    found, _, _ = words(suspicion, Bench({OLD_BUILD: 10.0, NEW_BUILD: 10.0}))
    assert found["decode_tok_per_s"] == ("same", False)


def test_the_suspects_of_all_stages_share_the_level(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models are two stages; each of their suspects has half of the level, not all of it."""
    for model in ("phi3-mini-q4", "phi3-mini-q8"):
        at = 0 if model == "phi3-mini-q4" else 20
        of: dict[str, Any] = {"model": {**DOCUMENT["model"], "id": model, "label": model}}
        for record in [
            *sessions(at, 10.0, bundle=bundle(OLD_BUILD), **of),
            *sessions(at + 10, 8.0, commit=NEW, bundle=bundle(NEW_BUILD), **of),
        ]:
            store.save(record)
    found = judged(Asked(baseline=f"rev:{OLD}", candidate=f"rev:{NEW}"), NullProgress())
    suspects = [one for one in found.gate.judgement.verdicts if is_suspect(one)]
    asked = []

    def spy(verdict: Any, *others: Any) -> Any:
        asked.append(others[-1])
        return verdict

    monkeypatch.setattr("lab.jobs.confirm.confirmed", spy)
    confirm(found, Bench({OLD_BUILD: 10.0, NEW_BUILD: 8.0}), 2, NullProgress())
    assert len({one.cell.model for one in suspects}) == 2
    assert asked == [len(suspects)] * len(suspects)


def test_each_session_says_what_it_was_for(suspicion: Judged) -> None:
    bench = Bench({OLD_BUILD: 10.0, NEW_BUILD: 8.0})
    confirm(suspicion, bench, 1, NullProgress())
    marks = [record.confirm for record in bench.records]
    assert [mark.side for mark in marks] == list("abba")
    assert [mark.turn for mark in marks] == [0, 1, 2, 3]
    assert len({mark.id for mark in marks}) == 1
    assert select(load_points().points, "latest").label == "latest"
    newest = select(load_points().points, "latest").runs.tolist()
    assert CONFIRM not in load_points().points.runs.tags[newest[0]]


def test_a_device_that_is_gone_ends_it_with_what_is_known(suspicion: Judged) -> None:
    def gone(turn: int) -> None:
        if turn == 2:
            raise DeviceUnreachableError("pi@192.168.1.20 does not answer")

    found, _, unreachable = words(suspicion, Bench({OLD_BUILD: 10.0, NEW_BUILD: 8.0}, gone))
    assert unreachable == "pi@192.168.1.20 does not answer"
    assert found["decode_tok_per_s"] == ("slower", None)
    gate = replace(suspicion.gate, unreachable=unreachable)
    assert (gate.exit_code, gate.outcome) == (4, f"not confirmed: {unreachable}")


def test_a_build_that_is_gone_leaves_the_alarm_and_says_how_to_get_it(suspicion: Judged) -> None:
    bench = Bench({OLD_BUILD: 10.0, NEW_BUILD: 10.0})
    bench.gone = OLD_BUILD
    found, notes, _ = words(suspicion, bench)
    assert bench.order == []
    assert found["decode_tok_per_s"] == ("slower", None)
    assert "not in compiled/ (check out aaaa and lab run)" in notes[0]


def test_ctrl_c_goes_on_up_and_keeps_the_sessions(suspicion: Judged) -> None:
    def stop(turn: int) -> None:
        if turn == 3:
            raise Interrupted("the sessions up to here are on record")

    with pytest.raises(Interrupted):
        confirm(suspicion, Bench({OLD_BUILD: 10.0, NEW_BUILD: 8.0}, stop), 2, NullProgress())
    kept = [record for record in map(store.read_entry, store.entries()) if isinstance(record, RunRecord)]
    assert sum(CONFIRM in record.tags for record in kept) == 3


def test_another_runner_may_confirm_but_not_withdraw(suspicion: Judged) -> None:
    """A loss in the runner would be in both sides alike when both are measured with the new one."""
    bench = Bench({OLD_BUILD: 10.0, NEW_BUILD: 10.0})
    for record in sessions(
        20, 8.0, 1, NEW, bundle=bundle(NEW_BUILD), engine={**DOCUMENT["engine"], "runner": {"key": "x"}}
    ):
        store.save(record)
    points = load_points().points
    a, b = select(points, f"rev:{OLD}"), select(points, f"rev:{NEW}")
    again = Judged(replace(suspicion.gate, judgement=judge(points, a, b, Policy())), points, a, b, Policy())
    found, notes, _ = words(again, bench)
    assert found["decode_tok_per_s"] == ("slower", None)
    assert "keeps its verdict" in notes[0]


def test_facts_and_improvements_are_not_measured_again(home: Path) -> None:
    for record in [*sessions(0, 10.0), *sessions(10, 12.0, commit=NEW)]:
        store.save(record)
    bench = Bench({})
    _, notes, _ = words(judged(Asked(baseline=f"rev:{OLD}", candidate=f"rev:{NEW}"), NullProgress()), bench)
    assert notes == ["nothing to confirm: no number looks worse"]


def test_an_unproven_loss_is_suspect_and_an_unproven_gain_is_not(suspicion: Judged) -> None:
    (decode,) = [one for one in suspicion.gate.judgement.verdicts if one.cell.metric == "decode_tok_per_s"]
    unproven = replace(decode, word="unproven")
    assert is_suspect(unproven)
    assert not is_suspect(replace(unproven, ratio=1.2))
    assert not is_suspect(replace(unproven, ratio=0.99))
    assert not is_suspect(replace(unproven, ratio=None))


def test_a_build_is_found_by_its_whole_key_and_its_loss_names_the_way_back(home: Path) -> None:
    record = session(0, 10.0, OLD)
    with pytest.raises(BundleError) as caught:
        Sessions(None, None, NullProgress()).check(record)
    assert "bbbbbbbbbbbb" in caught.value.what
    assert "check out aaaaaaaaaaaa" in str(caught.value.hint)
    assert "lab run --target local --model phi3-mini-q4" in str(caught.value.hint)
    (home / "compiled" / f"x--{record.bundle.key[:12]}").mkdir(parents=True)  # a name alone is no build
    with pytest.raises(BundleError, match="is not in"):
        bundle_of(record)


def test_the_verb_says_that_a_build_is_gone_and_keeps_its_code(
    lab: Lab, suspicion: Judged, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    ran = lab("gate", "--baseline", OLD, "--candidate", NEW, "--confirm")
    assert ran.code == 3
    assert "not confirmed: build 111111111111" in ran.out
