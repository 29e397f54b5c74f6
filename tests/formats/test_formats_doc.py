"""docs/formats.md is complete, and its examples are true."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from lab.core.config import decode
from lab.core.fields import known_fields
from lab.core.jsonio import canonical_bytes, digest, parse_json
from lab.devices.qemu.image import ImageManifest
from lab.formats.acks import File
from lab.formats.calibration import Calibration
from lab.formats.dashboard import DashboardSpec
from lab.formats.manifest import DTYPE_BYTES, BundleManifest, LibraryManifest, WeightsManifest
from lab.formats.probe_record import ProbeRecord
from lab.formats.run_record import RunRecord
from lab.formats.target import TargetSpec
from lab.ondevice.events import CLASSES

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text("utf-8")

# What the record shares with manifests is described there.
SECTIONS: list[tuple[str, list[type]]] = [
    ("Target", [TargetSpec]),
    ("Dashboard", [DashboardSpec]),
    ("Images", [ImageManifest]),
    ("Manifests", [WeightsManifest, LibraryManifest, BundleManifest]),
    ("Manifests Run record", [RunRecord]),
    ("Probe record Run record", [ProbeRecord]),
    ("Accepted levels", [File]),
    ("Learned floors", [Calibration]),
    ("Runner events", list(CLASSES.values())),
]


def section(title: str) -> str:
    """The text below the second-level heading `title`, up to the next one."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def dataclasses_in(hint: Any) -> set[type]:
    """Every dataclass that an annotation leads to, however deep."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        return {hint}.union(*(dataclasses_in(hints[field.name]) for field in known_fields(hint)))
    return set().union(*(dataclasses_in(part) for part in get_args(hint)))


KEYS = sorted(
    {
        (sections, cls.__name__, field.name)
        for sections, roots in SECTIONS
        for root in roots
        for cls in dataclasses_in(root)
        for field in known_fields(cls)
    }
)


def test_the_walk_reaches_the_deepest_keys() -> None:
    assert ("Manifests Run record", "WarmUp", "decode_s") in KEYS
    assert ("Manifests", "TensorEntry", "offset") in KEYS
    assert ("Target", "MeasureSpec", "cv_gate") in KEYS
    assert ("Runner events", "Counters", "VmHWM") in KEYS
    assert not any(name == "extra" for _, _, name in KEYS)


@pytest.mark.parametrize(("sections", "owner", "key"), KEYS)
def test_every_key_is_described(sections: str, owner: str, key: str) -> None:
    first = sections.removesuffix(" Run record")
    texts = [section(title) for title in ((first,) if first == sections else (first, "Run record"))]
    assert any(f"`{key}`" in text for text in texts), f"{owner}.{key} is missing in docs/formats.md"


def test_every_event_and_type_is_described() -> None:
    assert [name for name in CLASSES if f"| `{name}` |" not in section("Runner events")] == []
    assert [name for name in DTYPE_BYTES if f"`{name}`" not in section("Manifests")] == []


def test_the_target_of_the_page_is_sound() -> None:
    example = re.search(r"```toml\n(.*?)```", section("Target"), re.DOTALL)
    assert example
    spec = decode(TargetSpec, tomllib.loads(example[1]), where="docs/formats.md")
    assert (spec.compile.features, spec.measure.repeats) == (("+avxvnni",), 7)


def test_the_accepted_levels_of_the_page_are_sound() -> None:
    example = re.search(r"```toml\n(.*?)```", section("Accepted levels"), re.DOTALL)
    assert example
    (entry,) = decode(File, tomllib.loads(example[1]), where="docs/formats.md").accepted
    assert (entry.metric, entry.level) == ("decode_tok_per_s", 9.25)


def test_the_defaults_of_the_page_are_those_of_the_code() -> None:
    stated = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| `?([^|`]*)`? \|", section("Target"), re.MULTILINE))
    spec = decode(TargetSpec, {"schema": 1, "name": "a", "description": "", "device": {"transport": "local"}}, where="")
    for table in (spec.device, spec.compile, spec.measure):
        for field in dataclasses.fields(table):
            if field.name != "transport":
                value = getattr(table, field.name)
                spelled = {"": '""', (): "[]"}.get(value) or (value if isinstance(value, str) else json.dumps(value))
                assert stated[field.name] in (spelled, spelled.removesuffix(".0")), field.name


def test_the_digest_of_the_page_is_right() -> None:
    example = re.search(
        r"```json\n(.*?)```\n\nis spelled `(.*?)`,.*?`([0-9a-f]{64})`", section("Run record"), re.DOTALL
    )
    assert example
    document, spelled, stated = example.groups()
    parsed = parse_json(document, where="docs/formats.md")
    assert canonical_bytes(parsed).decode() == spelled
    assert stated == digest(parsed) == hashlib.sha256(spelled.encode()).hexdigest()
