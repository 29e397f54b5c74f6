"""`lab probe`, for real where it measures: it takes a few seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import DeviceUnreachableError
from lab.store import probes
from tests.cli.conftest import Lab
from tests.compiled import share
from tests.store.test_probe_store import probe

PROBE = ("probe", "--target", "local")


def stored(home: Path) -> list[Path]:
    return sorted((home / "profiles").rglob("*.json"))


def stop(error: BaseException) -> Any:
    def fail(*_: Any) -> None:
        raise error

    return fail


@pytest.mark.slow
def test_this_machine_is_measured_and_stored(lab: Lab, home: Path) -> None:
    share(home)
    ran = lab(*PROBE, "--json")
    assert ran.code == 0, ran.err
    (path,) = stored(home)
    assert path.parent == home / "profiles" / "local" / "probes"
    assert ran.out == path.read_text()
    assert "arithmetic peak with 1 thread: done in" in ran.err
    record = probes.load(path)
    assert record.counts[0].threads == 1
    for count in record.counts:
        assert min(*count.read_bytes_per_s, *count.int8_ops_per_s, *count.f32_ops_per_s) > 1e6
    shown = lab(*PROBE, "--last")
    assert record.probe_id in shown.out
    assert shown.err == ""
    assert stored(home) == [path]
    assert lab("runs", "--json").document == {"runs": [], "unreadable": []}


def test_last_shows_the_newest_and_measures_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.jobs.probe.probed", stop(AssertionError("it measured")))
    path = probes.save(probe())
    ran = lab(*PROBE, "--last")
    assert (ran.code, ran.err) == (0, "")
    assert "roofs of local   probe 20261124-063452-faea79" in ran.out
    assert lab(*PROBE, "--last", "--json").out == path.read_text()


def test_none_is_stored_yet(lab: Lab) -> None:
    ran = lab(*PROBE, "--last")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: no probe of local is stored yet\nhint: lab probe --target local measures it\n"


def test_a_damaged_one_is_told(lab: Lab) -> None:
    path = probes.save(probe())
    path.write_text(path.read_text()[:-30])
    ran = lab(*PROBE, "--last")
    assert (ran.code, ran.out) == (1, "")
    assert "not valid JSON" in ran.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "nothing was stored"),
        (DeviceUnreachableError("local: no answer", hint="plug it in"), 4, "plug it in"),
    ],
)
def test_what_ends_it_early_stores_nothing(
    lab: Lab, home: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    monkeypatch.setattr("lab.jobs.build.Pipeline.runner", lambda *_: None)
    monkeypatch.setattr("lab.jobs.probe.probe", stop(error))
    ran = lab(*PROBE)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert stored(home) == []


def test_an_unknown_target_is_wrong_usage(lab: Lab) -> None:
    ran = lab("probe", "--target", "lcal")
    assert ran.code == 2
    assert "Did you mean 'local'?" in ran.err


def test_the_example_of_the_help_is_json(lab: Lab) -> None:
    probes.save(probe())
    assert json.loads(lab(*PROBE, "--last", "--json").out)["schema"] == 1
