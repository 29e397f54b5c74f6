from __future__ import annotations

from lab.core.suggest import closest, did_you_mean, unknown

MODELS = ["phi3-mini-q4", "phi3-mini-q8", "phi3-medium-q4"]


def test_a_missing_letter_finds_the_name() -> None:
    assert closest("ph3-mini-q4", MODELS)[0] == "phi3-mini-q4"


def test_letter_case_does_not_matter() -> None:
    assert closest("PHI3-MINI-Q8", MODELS)[0] == "phi3-mini-q8"
    assert closest("local", ["Local"]) == ["Local"]


def test_nothing_near_means_no_guess() -> None:
    assert closest("zzzz", MODELS) == []
    assert did_you_mean("zzzz", MODELS) == ""


def test_the_sentence_names_guess_and_all() -> None:
    assert unknown("model", "phi3-mni-q8", MODELS[1:2]) == (
        "unknown model 'phi3-mni-q8'. Did you mean 'phi3-mini-q8'? Known: phi3-mini-q8 (1 in all)"
    )


def test_a_long_list_is_cut_at_twelve_and_left_out_where_a_name_is_near() -> None:
    many = [f"m{i:02d}" for i in range(30)]
    text = unknown("model", "zzzz", many)
    assert "m11, ... (30 in all)" in text
    assert "m12" not in text
    assert unknown("model", "m3o", [*many, "m30"]).count("m") < 12
    assert unknown("model", "m3o", [*many, "m30"]).endswith("?")


def test_an_empty_list_is_said() -> None:
    assert unknown("target", "x", []) == "unknown target 'x'. There are none."


def test_a_name_of_any_length_makes_a_message_that_can_be_read() -> None:
    message = unknown("metric", "x" * 30_000, ["decode_tok_per_s"])
    assert len(message) < 400
    assert "(30000 characters)" in message
