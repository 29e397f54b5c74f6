"""A user's mistake is one sentence and a next step, on stderr, with the right exit code."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from lab.core.errors import DeviceUnreachableError, LabError
from tests.cli.conftest import Lab


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["rnu"], "unknown command 'rnu'. Did you mean 'run'?"),
        (["run", "--targt", "local"], "No such option"),
        (["models", "--jsn"], "--json"),
        (["run", "--target", "lcal", "--model", "phi3-mini-q4"], "unknown target 'lcal'. Did you mean 'local'?"),
        (["run", "--target", "local", "--model", "phi3-mni-q4"], "Did you mean 'phi3-mini-q4'"),
        (["compile", "--target", "local", "--model", "phi3-mini"], "lacks its quantisation"),
        (["convert", "--model", "phi3-small"], "lacks its quantisation"),
        (["targets", "check", "lcal"], "unknown target 'lcal'"),
        (["runs", "--target", "lcal"], "unknown target 'lcal'. Did you mean 'local'?"),
        (["runs", "--model", "phi3-mini-q5"], "unknown model 'phi3-mini-q5'"),
        (["run"], "Missing option '--target'"),
        (["run", "--target", "local", "--model", "phi3-mini-q4", "--prompt", "12,x"], "'12,x' is not a list"),
        (["run", "--target", "local", "--model", "phi3-mini-q4", "--generate", "1"], "has to be 2 or more"),
        (["show", "latest", "--json", "--export", "llama-bench"], "--json and --export"),
        (["convert", "--model", "phi3-mini-q4", "--weights", "/nowhere"], "does not exist"),
        (["convert", "--model", "phi3-mini-q4", "--weights", "/", "--seed", "1"], "cannot be used with --weights"),
    ],
)
def test_wrong_words_leave_with_2_and_say_what_was_meant(lab: Lab, argv: list[str], said: str) -> None:
    ran = lab(*argv)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_usage_errors_say_where_to_read_on(lab: Lab) -> None:
    assert lab("targets", "check", "--cnnect").err.splitlines()[-1] == "hint: see 'lab targets check --help'"


def test_no_such_run_is_an_error_with_a_hint(lab: Lab) -> None:
    ran = lab("show", "20261123")
    assert ran.code == 1
    assert re.match(r"error: .*20261123.*\nhint: ", ran.err)


def test_more_layers_than_there_are(lab: Lab) -> None:
    ran = lab("compile", "--target", "local", "--model", "phi3-mini-q4", "--layers", "33")
    assert (ran.code, "32 layers" in ran.err) == (1, True)


def test_a_broken_target_file_does_not_hide_the_others(lab: Lab, home: Path) -> None:
    (home / "targets").mkdir()
    (home / "targets" / "bad.toml").write_text(
        'schema = 1\nname = "bad"\ndescription = "x"\n[device]\ntransport = "local"\nworkdir = "x"\n'
    )
    ran = lab("targets")
    assert ran.code == 0
    assert "local" in ran.out
    assert "workdir" in ran.out
    checked = lab("targets", "check")
    assert checked.code == 1
    assert "passed" in checked.out


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make `lab models` end in `error`."""
    import lab.models.catalog

    def fail() -> None:
        raise error

    monkeypatch.setattr(lab.models.catalog, "catalog", fail)


def test_a_lab_error_prints_what_and_hint_and_leaves_with_its_code(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, DeviceUnreachableError("pixel8: no answer", hint="plug it in"))
    ran = lab("models")
    assert (ran.code, ran.out, ran.err) == (4, "", "error: pixel8: no answer\nhint: plug it in\n")


def test_an_error_without_hint_is_one_line(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, LabError("the disk is full"))
    assert lab("models").err == "error: the disk is full\n"


def test_a_bug_is_owned_up_to_and_its_traceback_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fail_with(monkeypatch, ZeroDivisionError("division by zero"))
    ran = lab("models")
    assert ran.code == 70
    assert "This is a bug of lab" in ran.err
    assert "Traceback" not in ran.err
    (kept,) = tmp_path.glob("lab-bug-*.txt")
    assert str(kept) in ran.err
    assert "ZeroDivisionError: division by zero" in kept.read_text()


def test_debugging_shows_the_traceback(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("LAB_DEBUG", "1")
    fail_with(monkeypatch, ZeroDivisionError("division by zero"))
    assert "Traceback" in lab("models").err


def test_a_bug_is_reported_even_where_nothing_can_be_written(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    fail_with(monkeypatch, ZeroDivisionError("division by zero"))
    ran = lab("models")
    assert (ran.code, "could not be written" in ran.err) == (70, True)


def test_ctrl_c_leaves_with_130_and_says_what_was_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    ran = lab("models")
    assert ran.code == 130
    assert "interrupted: nothing half-made is left" in ran.err
    assert "Traceback" not in ran.err
