"""Dashboard files: what is read, and how a mistake is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.core.errors import ConfigError, UsageError
from lab.core.home import builtin_dir
from lab.formats.dashboard import DashboardSpec, all_dashboards, load_dashboard, narrowed

SOUND = 'schema = 1\nname = "mine"\ntitle = "Mine"\nrows = ["target"]\ncolumns = ["model"]\n'


def put(home: Path, text: str, name: str = "mine") -> None:
    (home / "dashboards").mkdir(exist_ok=True)
    (home / "dashboards" / f"{name}.toml").write_text(text)


def test_what_comes_with_lab_is_sound() -> None:
    names = {path.stem for path in builtin_dir("dashboards").glob("*.toml")}
    assert names == {"overview", "compare", "regressions", "device", "model", "engines", "judges"}
    for name in names:
        assert load_dashboard(name).name == name


def test_a_small_file_gets_the_defaults(home: Path) -> None:
    put(home, SOUND)
    spec = load_dashboard("mine")
    assert (spec.baseline.against, spec.sort, spec.is_matrix) == ("revision", "name", True)
    assert spec.charts == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SOUND + 'tittle = "x"', "dashboards/mine.toml: tittle: unknown key. Did you mean title?"),
        (SOUND.replace('["target"]', '["tarjet"]'), "rows[0]: 'tarjet' is not one of"),
        (SOUND.replace('["target"]', "[]"), "rows: the list is empty"),
        (SOUND.replace('["model"]', '["model", "ratio"]'), "'model' is an axis and 'ratio' is a fact"),
        (SOUND.replace('["model"]', '["target"]'), "'target' is named twice"),
        (SOUND.replace('"mine"', '"other"'), "name: 'other' is not the name of the file"),
        (SOUND + 'metrics = ["decode_tok_per_sec"]', "Did you mean decode_tok_per_s"),
        (SOUND + "metrics = []", "metrics: the list is empty"),
        (SOUND + 'about = "changes"', "a board about changes has facts as columns"),
        (SOUND + '[baseline]\nagainst = "tag"', "[baseline].tag: missing"),
        (SOUND + '[baseline]\ntag = "v1"', "[baseline].tag: 'v1' is not used with against = 'revision'"),
        (SOUND + '[gates]\nwords = ["slow"]', "[gates].words[0]: 'slow' is not one of"),
        (SOUND + '[[charts]]\nmetric = "speed"', "charts[0].metric: 'speed' is not a metric"),
        (SOUND + '[filters]\ntarget = ["a b"]', "[filters].target[0]"),
        (SOUND.replace("1", "2", 1), "schema 2 is newer"),
        ("rows = [", "not valid TOML"),
    ],
)
def test_a_mistake_names_file_and_key(home: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    put(home, text)
    monkeypatch.chdir(home)
    with pytest.raises(ConfigError) as caught:
        load_dashboard("mine")
    assert "dashboards/mine.toml" in caught.value.what
    assert said in caught.value.what


def test_one_mistake_hides_no_other_dashboard(home: Path) -> None:
    put(home, "x")
    found = all_dashboards()
    assert isinstance(found["mine"], list)
    assert isinstance(found["overview"], DashboardSpec)


def test_a_users_file_comes_before_the_one_of_its_name(home: Path) -> None:
    put(home, SOUND.replace("mine", "overview"), "overview")
    assert load_dashboard("overview").title == "Mine"


def test_it_can_be_narrowed() -> None:
    spec = narrowed(load_dashboard("overview"), "pixel*", "phi3-mini-q4@2l")
    assert (spec.filters.target, spec.filters.model) == (("pixel*",), ("phi3-mini-q4@2l",))
    with pytest.raises(UsageError):
        narrowed(spec, "a b")


PAGES = [Path(__file__).parents[2] / "docs" / name for name in ("dashboards.md", "formats.md")]
EXAMPLES = [
    found
    for page in PAGES
    for found in re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    if "columns = " in found
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_of_the_pages_are_sound(home: Path, text: str) -> None:
    name = re.search(r'^name = "(.*)"$', text, re.MULTILINE)
    assert name
    put(home, text, name[1])
    assert load_dashboard(name[1]).title


def test_the_pages_have_examples() -> None:
    assert len(EXAMPLES) == 3
