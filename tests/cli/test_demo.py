"""`lab demo`: made-up runs that every screen says are made up, and that nothing takes for measured ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import store
from lab.analysis.tools import protocol_of
from lab.formats.run.blocks import MADE_UP
from lab.formats.run_record import RunRecord
from lab.jobs.demo.world import DEMO, demo_world
from tests.cli.conftest import Keep, Lab


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from lab.core.progress import NullProgress
    from lab.jobs.demo.write import write_demo

    made = tmp_path_factory.mktemp("demo") / "lab-demo"
    write_demo(made, NullProgress())
    return made


@pytest.fixture
def demo(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder as the home; `home` comes first, so that it is the last to be set."""
    monkeypatch.setenv("LAB_HOME", str(folder))
    return folder


def test_it_writes_the_folder_and_names_the_commands(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = lab("demo")
    assert ran.code == 0
    assert "440 made-up runs in lab-demo: nothing was measured" in ran.out
    assert "export LAB_HOME=lab-demo\n  lab dash" in ran.out
    assert sorted(path.name for path in Path("lab-demo").iterdir()) == ["MADE_UP.txt", "profiles"]
    before = sorted(Path("lab-demo").rglob("*"))
    assert lab("demo").code == 0  # a second time it is there
    assert sorted(Path("lab-demo").rglob("*")) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_no_other_folder_is_written_to(lab: Lab, keep: Keep, home: Path) -> None:
    keep()
    ran = lab("demo", str(home))
    assert (ran.code, ran.out) == (1, "")
    assert "was not made by `lab demo`" in ran.err
    assert len(store.entries()) == 1


@pytest.mark.parametrize("place", ["/proc/x", "file/x", "file"])
def test_a_place_that_refuses_it_is_an_error_that_names_it(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    ran = lab("demo", place)
    assert (ran.code, ran.out) == (1, "")
    assert f"error: {place}" in ran.err


def test_every_record_says_that_it_is_made_up(demo: Path) -> None:
    runs = list(store.iter_runs())
    assert len(runs) == len(demo_world().runs()) == 440
    for run in runs:
        assert isinstance(run, RunRecord)
        assert run.target.name.startswith(DEMO)
        assert protocol_of(run) == run.protocol.name == MADE_UP


@pytest.mark.parametrize(
    ("argv", "code"),
    [("runs --last 3", 0), ("show latest", 0), ("dash --once", 0), ("regressions", 3), ("", 0)],
)
def test_every_screen_says_so(lab: Lab, demo: Path, argv: str, code: int) -> None:
    ran = lab(*argv.split())
    assert ran.code == code, ran.err
    assert DEMO in ran.out or "made up" in ran.out


def test_the_planted_steps_are_found_and_nothing_else(lab: Lab, demo: Path) -> None:
    """Each planted line is named, in its metric or one that follows from it; no line without a step is."""
    found = lab("regressions", "--all", "--json").document["changes"]
    lines = {(one["cell"]["target"], one["cell"]["model"], one["cell"]["engine"]) for one in found}
    assert lines == {(one.line.target, one.line.model, one.line.engine) for one in demo_world().planted}


def test_decode_is_compared_by_depth(lab: Lab, demo: Path) -> None:
    """The same test at two depths: decode falls, and memory grows by the keys and values of 512 tokens."""
    ran = lab("compare", "--axis", "depth", "--model", "phi3-mini-q4", "--json")
    assert ran.code == 0, ran.err
    cells = [(row["cell"], row["measured"]) for row in ran.document["rows"]]
    of = {cell["metric"]: found for cell, found in cells if (cell["target"], cell["engine"]) == ("demo-pixel8", "tvm")}
    shallow, deep = (of["decode_tok_per_s"][depth]["value"] for depth in ("0", "512"))
    assert 0.8 < deep / shallow < 0.97
    shallow, deep = (of["rss_peak_bytes"][depth]["value"] for depth in ("0", "512"))
    assert deep - shallow == pytest.approx(512 * 393_216, rel=0.5)


def test_what_was_killed_failed(demo: Path) -> None:
    """A crash is a failure: "wrong output" is said of logits that differ from the reference."""
    for run in store.iter_runs():
        assert isinstance(run, RunRecord)
        for cell in run.cells:
            reasons = [cell.reason, *(one.reason for one in cell.repetitions)]
            assert cell.status == ("failed" if "killed by SIGSEGV" in reasons else "ok")


def test_it_is_not_compared_with_what_was_measured(lab: Lab, keep: Keep, folder: Path, home: Path) -> None:
    made_up = next(iter(sorted((folder / "profiles" / "demo-pixel8").glob("*.json"))))
    place = home / "profiles" / "demo-pixel8"
    place.mkdir(parents=True)
    (place / made_up.name).write_bytes(made_up.read_bytes())
    run = keep(target={"name": "demo-pixel8", "spec": {"name": "demo-pixel8"}})
    ran = lab("compare", made_up.stem.rpartition("--")[2], run.run_id)
    assert ran.code == 5
    assert "made-up" in ran.out
