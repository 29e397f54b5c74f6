"""A model without a preset: the network of a Hugging Face folder, under any name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.core.errors import ModelError, WeightsError
from lab.models.catalog import resolve
from lab.models.folder_model import own_name, resolve_with
from tests.models import small_families, transformers_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "My-Llama 3"
    transformers_folder.write(path, small_families.LLAMA3)
    return path


def test_its_config_json_is_the_network(folder: Path) -> None:
    spec = resolve_with("my-llama-q4", None, folder)
    assert spec.config == small_families.LLAMA3
    assert (spec.id, spec.label, spec.preset_name, spec.scheme.name) == ("my-llama-q4", "my-llama-q4", "my-llama", "q4")
    assert resolve_with("my-llama-q8", 1, folder).label == "my-llama-q8@1l"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("{folder}-q4", "my-llama-3"),
        ("{folder}/-q4", "my-llama-3"),
        ("./-q4", "my-llama-3"),
        ("..-q4", "my-llama-3"),
        ("Llama-3.2-1B-Instruct-q4", "llama-3.2-1b-instruct"),
        ("q4-q4", "q4"),
        ("ph3-mini-q4", "ph3-mini"),
        ("a/../../etc/passwd-q4", "passwd"),
        ("\x1b[31m-q4", "31m"),
        ("x" * 300 + "-q4", "x" * 80),
    ],
)
def test_the_name_is_any_that_can_be_part_of_a_label(folder: Path, given: str, name: str) -> None:
    assert own_name(given.format(folder=folder), folder) == (name, "q4")
    assert resolve_with(given.format(folder=folder), None, folder).label == f"{name}-q4"


def test_a_preset_is_that_preset_with_its_folder_too(folder: Path) -> None:
    assert own_name("phi3-mini-q4", folder) is None
    assert resolve_with("phi3-mini-q4", 2, folder) == resolve("phi3-mini-q4", 2)


def test_without_a_folder_a_name_that_is_none_is_guessed_as_ever() -> None:
    with pytest.raises(ModelError, match="Did you mean 'phi3-mini-q4'"):
        resolve_with("ph3-mini-q4", None, None)


@pytest.mark.parametrize("given", ["my-llama", "my-llama-q5"])
def test_a_quantisation_is_asked_for(folder: Path, given: str) -> None:
    with pytest.raises(ModelError, match=f"{given} lacks its quantisation") as caught:
        resolve_with(given, None, folder)
    assert "q4, q8" in str(caught.value.hint)


def test_a_folder_without_config_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json is missing, and no preset has the name"):
        resolve_with("my-llama-q4", None, tmp_path)


def test_config_json_alone_is_enough_to_compile(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    assert resolve_with("my-llama-q4", None, tmp_path).config == small_families.LLAMA3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mamba"}, "model_type is 'mamba'; known families: phi3, "),
        ({"num_key_value_heads": 3}, "4 attention heads can't share 3"),
        ({"num_experts": 8}, "num_experts: a mixture of experts"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope_parameters type 'yarn'"),
    ],
)
def test_a_bad_config_is_an_error_with_file_and_key(
    folder: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    document = json.loads((folder / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(WeightsError) as caught:
        resolve_with("my-llama-q4", None, tmp_path)
    assert "config.json: " in caught.value.what
    assert message in caught.value.what


def test_a_size_that_no_kernel_can_do_is_refused_before_anything_is_made(folder: Path, tmp_path: Path) -> None:
    document = json.loads((folder / "config.json").read_text()) | {"intermediate_size": 200}
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match="intermediate_size is 200"):
        resolve_with("my-llama-q4", None, tmp_path)
