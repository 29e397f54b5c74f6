from __future__ import annotations

import pytest

from lab.core import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("LabError", 1),
        ("UsageError", 2),
        ("ConfigError", 1),
        ("ModelError", 1),
        ("WeightsError", 1),
        ("CompileError", 1),
        ("BundleError", 1),
        ("StoreError", 1),
        ("MeasureError", 1),
        ("BusyError", 1),
        ("DeviceError", 1),
        ("DeviceUnreachableError", 4),
        ("RegressionFound", 3),
        ("NotComparableError", 5),
    ],
)
def test_exit_codes_are_a_contract(kind: str, code: int) -> None:
    error = getattr(errors, kind)("pixel8: gone", hint="plug it in")
    assert isinstance(error, errors.LabError)
    assert (error.exit_code, error.what, error.hint, str(error)) == (
        code,
        "pixel8: gone",
        "plug it in",
        "pixel8: gone",
    )


def test_a_hint_is_optional() -> None:
    assert errors.LabError("x").hint is None
