"""lab.run and lab.compile: the jobs of the verbs without their screens; tests/cli/test_whole_path.py runs both."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import lab
from lab import store
from lab.core.errors import LabError, UsageError
from lab.formats.test import Test
from lab.jobs import api
from lab.jobs.build import Pipeline
from lab.jobs.options import RunOptions
from lab.measure.session import Interrupted
from tests.analysis.documents import record
from tests.cli.test_run_verb import Session, session  # noqa: F401 - a fixture


def test_a_run_is_returned_as_it_is_stored(home: Path, session: Session) -> None:  # noqa: F811
    records = lab.run("local", "phi3-mini-q4", prompt=[64, 128], generate=16, repeats=2, tags=["a", "a"])
    assert records == tuple(lab.open().runs())
    assert session.plan is not None
    assert (session.plan.cells, session.plan.repeats) == ((Test(64, 16), Test(128, 16)), 2)
    assert session.said["tags"] == ("a",)


def test_nothing_is_printed(home: Path, session: Session, capfd: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    lab.run("local", "phi3-mini-q4")
    assert capfd.readouterr() == ("", "")


def test_the_arguments_are_the_options_of_the_verb_with_their_defaults() -> None:
    parameters = inspect.signature(api.run).parameters
    assert parameters.keys() - {"progress"} == {field.name for field in fields(RunOptions)}
    unlike = {one.name for one in fields(RunOptions) if one.default != parameters[one.name].default}
    assert unlike == {"target", "model"}  # which have none


def test_ctrl_c_is_what_it_is_elsewhere_and_says_what_was_kept(home: Path, session: Session) -> None:  # noqa: F811
    kept = record(status="interrupted")
    session.result = Interrupted(kept, store.save(kept))
    with pytest.raises(KeyboardInterrupt, match="repetitions were finished; the run is kept in"):
        lab.run("local", "phi3-mini-q4")


def test_so_it_is_while_something_is_built(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lab.compile.build.build_library", stopped)
    for call in (lab.run, lab.compile):
        with pytest.raises(KeyboardInterrupt, match="nothing half-made is left"):
            call("local", "phi3-mini-q4")


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"target": "locale"}, LabError, "Did you mean"),
        ({"model": "phi3-mini-q5"}, LabError, "phi3-mini-q4"),
        ({"engines": ["lama.cpp"]}, UsageError, "Did you mean"),
        ({"tags": ["a b"]}, UsageError, "a b"),
        ({"prompt": 0}, UsageError, "--prompt 0"),
        ({"repeats": -1}, UsageError, "repeats = -1"),
        ({"layers": 0}, LabError, "0"),
    ],
)
def test_what_stands_for_nothing_is_an_error_before_anything_is_built(
    home: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], error: type[LabError], said: str
) -> None:
    for method in ("library", "weights", "runner"):
        monkeypatch.setattr(Pipeline, method, lambda *_: pytest.fail("it was built before it was refused"))
    with pytest.raises(error, match=said):
        lab.run(**{"target": "local", "model": "phi3-mini-q4", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "first", ["import lab", "import lab.compile", "import lab.compile.build", "from lab import compile"]
)
def test_compile_can_be_called_whatever_was_imported_before(first: str) -> None:
    """The package of the same name stands where the function is looked for."""
    code = f"{first}\nimport lab\nlab.compile('nowhere', 'phi3-mini-q4')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ConfigError" in done.stderr
    assert "nowhere" in done.stderr
