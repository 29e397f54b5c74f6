"""A Hugging Face folder that no preset describes, from the command line: what its name may be, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.jobs.build import Pipeline
from lab.models.catalog import ModelSpec
from tests.cli.conftest import Lab
from tests.models import small_families, transformers_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "My-Llama"
    transformers_folder.write(path, small_families.LLAMA3)
    return path


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, home: Path) -> list[ModelSpec]:
    """What is asked to be compiled; nothing is."""
    asked: list[ModelSpec] = []

    def library(self: Pipeline, spec: ModelSpec, *_: Any) -> Path:
        asked.append(spec)
        raise KeyboardInterrupt

    monkeypatch.setattr(Pipeline, "library", library)
    monkeypatch.setattr(Pipeline, "runner", lambda self, *_: self.time_s.update(runner=0.0))
    monkeypatch.setattr("lab.jobs.engines.startable_runner", lambda _, runner, *__: runner)
    return asked


@pytest.mark.parametrize("verb", ["compile", "run", "verify"])
@pytest.mark.parametrize("weights_first", [True, False])
def test_every_verb_takes_it_in_either_order(
    lab: Lab, built: list[ModelSpec], folder: Path, verb: str, weights_first: bool
) -> None:
    weights, model = ("--weights", f"{folder}/"), ("--model", "My-Llama-q4")
    short = ("--prompt", "16", "--generate", "8") if verb == "run" else ()
    ran = lab(verb, "--target", "local", *short, *(weights + model if weights_first else model + weights))
    assert built, ran.err
    (spec,) = built
    assert (spec.label, spec.config) == ("my-llama-q4", small_families.LLAMA3)


def test_conversion_makes_its_weights_and_says_what_it_is(lab: Lab, folder: Path) -> None:
    ran = lab("convert", "--model", f"{folder}-q4", "--weights", str(folder), "--json")
    assert ran.code == 0, ran.err
    manifest = ran.document["manifest"]
    assert (manifest["model"]["id"], manifest["model"]["preset"]) == ("my-llama-q4", "my-llama")
    assert manifest["weights"]["source"] == "huggingface"


def test_a_note_says_that_it_is_no_preset(lab: Lab, built: list[ModelSpec], folder: Path) -> None:
    ran = lab("run", "--target", "local", "--model", "ph3-mini-q4", "--weights", str(folder))
    assert "ph3-mini: no preset; its network is the one of" in ran.err


def test_without_a_folder_an_unknown_name_is_a_usage_error_with_what_was_meant(lab: Lab) -> None:
    ran = lab("run", "--target", "local", "--model", "ph3-mini-q4")
    assert ran.code == 2
    assert "Did you mean 'phi3-mini-q4'" in ran.err


def test_a_name_without_its_quantisation_is_a_usage_error(lab: Lab, folder: Path) -> None:
    ran = lab("compile", "--target", "local", "--model", "my-llama", "--weights", str(folder))
    assert ran.code == 2
    assert "my-llama lacks its quantisation" in ran.err


def test_a_bad_config_is_one_that_the_user_can_mend(lab: Lab, folder: Path, tmp_path: Path) -> None:
    document = json.loads((folder / "config.json").read_text()) | {"num_local_experts": 8}
    (tmp_path / "config.json").write_text(json.dumps(document))
    ran = lab("compile", "--target", "local", "--model", "my-llama-q4", "--weights", str(tmp_path))
    assert ran.code == 1
    assert "config.json: num_local_experts: a mixture of experts is another network" in ran.err
