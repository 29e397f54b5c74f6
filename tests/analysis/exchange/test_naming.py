"""Names of models: readable, safe, and one for each file."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.exchange.readers.naming import gguf_names, slug
from lab.core.names import SAFE_NAME
from tests.analysis.exchange.sources import CASES, records


@pytest.mark.parametrize(
    ("model_type", "quant"),
    [
        ("qwen3moe 30B.A3B Q4_K - Medium", "q4_k_m"),
        ("glm4moe 106B.A12B Q4_K - Medium", "q4_k_m"),
        ("hunyuan-moe A13B Q6_K", "q6_k"),
        ("llama4 17Bx16E (Scout) Q4_K - Medium", "q4_k_m"),
        ("llama4 17Bx128E (Maverick) Q8_0", "q8_0"),
        ("llama 8x7B Q5_K - Small", "q5_k_s"),
        ("nemotron_h_moe 31B.A3.5B IQ1_S - 1.5625 bpw", "iq1_s"),
        ("llama 70B IQ2_XXS - 2.0625 bpw", "iq2_xxs"),
        ("mamba 2.8B TQ1_0 - 1.69 bpw ternary", "tq1_0"),
        ("gpt-oss 20B MXFP4 MoE", "mxfp4"),
        ("gemma3n E4B Q4_K - Medium", "q4_k_m"),
        ("llama 7B mostly Q4_0", "q4_0"),
        ("llama 1B all F32", "f32"),
        ("phi3 3B Q4_0", "q4_0"),
        ("granitehybrid ?B BF16", "bf16"),
        ("bert 335M F16", "f16"),
        ("qwen2 0.5B Q8_0", "q8_0"),
    ],
)
def test_sizes_of_experts_are_no_part_of_the_quantisation(model_type: str, quant: str) -> None:
    assert gguf_names(model_type, "x.gguf") == ("x", quant)


def test_one_model_in_two_quantisations() -> None:
    runs = records(CASES / "moe-two-quantisations.json")
    assert {run.model.preset for run in runs} == {"example-30b-a3b"}
    assert [run.model.quant for run in runs] == ["q4_k_m", "q8_0"]


@pytest.mark.parametrize(
    "name", ["two-long-file-names-one-label.json", "two-files-one-label-exchanged-at-night-30.jsonl"]
)
def test_two_files_are_two_models(name: str) -> None:
    labels = {run.weights.source_id: run.model.label for run in records(CASES / name)}
    assert len(labels) == len(set(labels.values())) == 2
    assert all(label.startswith("someone_example-coder-30b-a3b") for label in labels.values())


def test_names_in_other_scripts_are_names_of_their_own() -> None:
    files = ("模型一", "模型二", "модель", "नमूना", "モデル", "modèle", "modele", "🦙", "🚀")
    names = {gguf_names("llama 1B Q4_0", f"/m/{name}-Q4_0.gguf")[0] for name in files}
    assert len(names) == len(files)
    assert "modele" in names


def test_short_names_stay_as_they_were() -> None:
    assert gguf_names("phi3 3B Q4_0", "/m/phi3-mini.Q4_0.gguf") == ("phi3-mini", "q4_0")
    assert gguf_names("phi3 3B Q4_K - Medium", "model.gguf") == ("phi3-3b", "q4_k_m")
    assert slug("Phi-3.5 mini (Q4_0)", "unknown") == "phi-3.5-mini-q4_0"


@given(st.text(max_size=120), st.text(max_size=120))
def test_any_text_makes_a_safe_label(model_type: str, filename: str) -> None:
    assert re.fullmatch(SAFE_NAME, "-".join(gguf_names(model_type, filename)))


@given(st.text(st.characters(codec="ascii", categories=("Ll", "Nd")), min_size=50, max_size=90), st.integers(0, 49))
def test_names_that_differ_anywhere_are_different(name: str, place: int) -> None:
    other = name[:place] + ("x" if name[place] != "x" else "y") + name[place + 1 :]
    assert slug(name, "unknown") != slug(other, "unknown")
