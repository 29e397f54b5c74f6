"""`lab run --resume`: which cells are missing, and what must not have changed meanwhile."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import store
from lab.core.errors import DeviceUnreachableError
from lab.core.fields import encode
from lab.formats.test import Test
from tests.analysis.documents import cell, failed_repetition, record
from tests.cli.conftest import Keep, Lab
from tests.cli.test_run_verb import Session, session  # noqa: F401 - a fixture

KEY = record().bundle.key


@pytest.fixture(autouse=True)
def same_build(session: Session, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("lab.jobs.resume.load_manifest", lambda *_: SimpleNamespace(key=KEY))
    monkeypatch.setattr("lab.jobs.run.check_same_settings", lambda *_: None)


def lacking() -> list[dict[str, Any]]:
    """A cell that is done, one that lost a repetition, one that never ran."""
    lost, never = cell(depth=64), cell(depth=128)
    lost["repetitions"][1] = failed_repetition(1, "killed by SIGKILL")
    return [cell(), lost, {**never, "status": "not_run", "repetitions": []}]


def test_the_missing_cells_are_measured_and_no_others(lab: Lab, keep: Keep, session: Session) -> None:  # noqa: F811
    first = keep(status="interrupted", cells=lacking())
    assert lab("run", "--resume", "latest", "--json").code == 0
    assert session.plan is not None
    shape = record().cells[0]
    assert session.plan.cells == tuple(Test(shape.prompt, shape.generate, depth) for depth in (64, 128))
    assert session.plan.repeats == first.plan.repeats
    assert session.said == {"resumes": first.run_id}


@pytest.mark.parametrize("status", ["interrupted", "running"])
def test_a_cell_without_its_memory_pass_is_lacking(lab: Lab, keep: Keep, session: Session, status: str) -> None:  # noqa: F811
    """Ctrl-C, or kill -9, after the last repetition."""
    keep(status=status, cells=[cell(), {**cell(depth=64), "memory": None}])
    assert lab("run", "--resume", "latest", "--json").code == 0
    assert session.plan is not None
    assert [one.depth for one in session.plan.cells] == [64]


def test_a_run_that_lacks_nothing_is_left_alone(lab: Lab, keep: Keep, session: Session) -> None:  # noqa: F811
    run = keep()
    ran = lab("run", "--resume", run.run_id)
    assert (ran.code, ran.err) == (0, f"run {run.run_id} lacks nothing\n")
    assert session.plan is None


def test_another_build_is_not_the_same_run(lab: Lab, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(status="interrupted", cells=lacking())
    monkeypatch.setattr("lab.jobs.resume.load_manifest", lambda *_: SimpleNamespace(key="ee" * 32))
    ran = lab("run", "--resume", "latest")
    assert ran.code == 5
    assert "measured build" in ran.err
    assert "without --resume" in ran.err


def test_neither_is_another_build_by_a_backend_that_was_named(
    lab: Lab, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = {**store.to_json(record())["engine"], "name": "mlc"}
    keep(status="interrupted", cells=lacking(), engine=engine)
    monkeypatch.setattr("lab.jobs.resume.load_manifest", lambda *_: SimpleNamespace(key="ee" * 32))
    assert lab("run", "--resume", "latest").code == 5


def test_other_settings_are_not_the_same_run(lab: Lab, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.jobs.resume import check_same_settings

    monkeypatch.setattr("lab.jobs.run.check_same_settings", check_same_settings)
    keep(status="interrupted", cells=lacking())
    ran = lab("run", "--resume", "latest")
    assert ran.code == 5
    assert "measures otherwise" in ran.err


def test_half_of_a_comparison_cannot_be_resumed(lab: Lab, keep: Keep) -> None:
    keep(status="interrupted", cells=lacking(), session="20261124-000000-abcdef")
    ran = lab("run", "--resume", "latest")
    assert ran.code == 2
    assert "took turns with another engine" in ran.err


@pytest.mark.parametrize("words", [("--target", "local"), ("--model", "phi3-mini-q4")])
def test_what_the_run_says_is_not_said_again(lab: Lab, keep: Keep, words: tuple[str, str]) -> None:
    keep(status="interrupted", cells=lacking())
    ran = lab("run", "--resume", "latest", *words)
    assert ran.code == 2
    assert f"--resume takes {words[0]} from the run" in ran.err


def test_no_such_run(lab: Lab) -> None:
    assert lab("run", "--resume", "20200101-000000-abcdef").code == 1


def test_a_weights_folder_has_to_be_given_again(lab: Lab, keep: Keep) -> None:
    weights = {**store.to_json(record())["weights"], "source": "huggingface", "source_id": "abc", "synthetic": False}
    keep(status="interrupted", cells=lacking(), weights=weights)
    ran = lab("run", "--resume", "latest")
    assert ran.code == 2
    assert "--weights DIR" in ran.err


def test_an_adapter_has_to_be_given_again_and_none_where_there_was_none(lab: Lab, keep: Keep, tmp_path: Path) -> None:
    adapter = {"name": "my-adapter", "id": "sha256:" + "a" * 64, "base": None}
    keep(cells=lacking(), weights={**encode(record().weights), "adapter": adapter})
    ran = lab("run", "--resume", "latest")
    assert ran.code == 2
    assert "was measured with an adapter, my-adapter" in ran.err
    assert "--lora DIR" in ran.err
    plain = keep(cells=lacking())
    ran = lab("run", "--resume", plain.run_id, "--lora", str(tmp_path))
    assert (ran.code, "was measured without an adapter" in ran.err) == (2, True)


def test_the_image_of_a_file_has_to_be_given_again_and_none_where_there_was_none(lab: Lab, keep: Keep) -> None:
    keep(cells=lacking(), image={"source": "file", "sha256": "a" * 64})
    ran = lab("run", "--resume", "latest")
    assert ran.code == 2
    assert "was measured with the image of a file" in ran.err
    assert "--image FILE" in ran.err
    plain = keep(cells=lacking(), image={"source": "synthetic"})
    ran = lab("run", "--resume", plain.run_id, "--image", "cat.png")
    assert (ran.code, "was measured without the image of a file" in ran.err) == (2, True)


def test_a_run_whose_device_was_named_by_at_wants_that_again(lab: Lab, keep: Keep, session: Session) -> None:  # noqa: F811
    keep(status="interrupted", cells=lacking(), by_address=True)
    ran = lab("run", "--resume", "latest")
    assert ran.code == 2
    assert "was measured on a device that --at named" in ran.err
    assert "say again where it is: --at ADDRESS" in ran.err
    assert session.plan is None


def test_a_device_that_is_not_reached_may_have_been_one_of_at(
    lab: Lab,
    keep: Keep,
    session: Session,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Older records do not say."""

    def gone(*_: object, **__: object) -> None:
        raise DeviceUnreachableError("pi@rpi5: no such host", hint="check [ssh].host")

    monkeypatch.setattr("lab.jobs.run.Job.measured", gone)
    keep(status="interrupted", cells=lacking())
    ran = lab("run", "--resume", "latest")
    assert ran.code == 4
    assert "hint: check [ssh].host; " in ran.err
    assert "; if the run was measured with --at, say that again" in ran.err
