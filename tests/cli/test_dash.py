"""lab dash where nobody sits: in pipes, logs, pages and documents."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import store
from lab.cli.app import VERBS
from tests.analysis.boards.samples import session, steady
from tests.cli.conftest import Lab

NAMES = ["overview", "compare", "regressions", "device", "model", "engines"]


@pytest.fixture
def history(home: Path) -> None:
    """A loss of 20 % from one revision to the next."""
    for run in [*steady(range(1, 5), "a"), *steady(range(5, 9), "b", 8.0)]:
        store.save(run)


def test_it_says_what_got_worse_in_words(lab: Lab, history: None) -> None:
    ran = lab("dash", "compare")
    assert (ran.code, ran.err) == (0, "")
    assert "slower" in ran.out
    assert "\x1b" not in ran.out


@pytest.mark.parametrize("name", NAMES)
def test_every_dashboard_prints_and_is_a_document(lab: Lab, history: None, name: str) -> None:
    assert lab("dash", name, "--once").code == 0
    document = lab("dash", name, "--json").document
    assert document["name"] == name
    assert document["unreadable"] == []


def test_an_empty_store_says_what_to_do_first(lab: Lab) -> None:
    ran = lab("dash")
    assert ran.code == 0
    assert "lab run --target local --model phi3-mini-q4" in ran.out


def test_filters_narrow_it(lab: Lab, history: None) -> None:
    store.save(session(20, target="pixel8"))
    rows = lab("dash", "overview", "--target", "pixel*", "--json").document["rows"]
    assert [row["names"] for row in rows] == [["pixel8"]]
    assert "None of the 9 stored runs" in lab("dash", "--model", "phi3-mini-q8").out
    assert lab("dash", "--target", "a b").code == 2


def test_damaged_runs_are_named_below_the_table(lab: Lab, history: None, home: Path) -> None:
    damaged = Path(str(store.run_path(session(9))))
    damaged.write_text("{")
    ran = lab("dash")
    assert ran.code == 0
    assert "10." in ran.out or "8." in ran.out
    assert ran.out.rindex("unreadable:") > ran.out.index("phi3-mini-q4")
    assert damaged.name in ran.out.replace("\n", "")


def test_a_gate_of_the_dashboard_leaves_with_3(lab: Lab, history: None, home: Path) -> None:
    (home / "dashboards").mkdir()
    text = (
        'schema = 1\nname = "ci"\ntitle = "CI"\nrows = ["target"]\ncolumns = ["model"]\n[gates]\nwords = ["slower"]\n'
    )
    (home / "dashboards" / "ci.toml").write_text(text)
    ran = lab("dash", "ci", "--once")
    assert ran.code == 3
    assert "Gate: slower may not be here" in ran.out


def test_check_explains_every_mistake(lab: Lab, home: Path) -> None:
    assert lab("dash", "--check").code == 0
    (home / "dashboards").mkdir()
    (home / "dashboards" / "mine.toml").write_text('schema = 1\nname = "mine"\ntitel = "x"\n')
    ran = lab("dash", "--check")
    assert ran.code == 1
    assert "titel: unknown key. Did you mean title?" in " ".join(ran.out.split())
    assert "overview" in ran.out
    document = lab("dash", "--check", "--json").document
    assert [one["name"] for one in document["unreadable"]] == ["mine"]
    assert lab("dash", "mine").code == 1


def test_check_lists_all_mistakes_of_a_file_at_once(lab: Lab, home: Path) -> None:
    """Those of its form: keys, types, values, at any depth; then, where that is right, what does not fit together."""
    (home / "dashboards").mkdir()
    file = home / "dashboards" / "mine.toml"
    file.write_text(
        'schema = 1\nname = "mine"\ntitel = "x"\nrows = ["targett"]\ncolumns = 3\n'
        '[baseline]\nnewest = 0\n[[charts]]\nkind = "pie"\n[[charts]]\nlines = "many"\n'
    )
    (mine,) = lab("dash", "--check", "mine", "--json").document["unreadable"]
    told = [one["reason"] for one in mine["mistakes"]]
    expected = ("titel:", " title:", "rows[0]:", "columns:", "newest:", "charts[0].kind:", "charts[0].metric:")
    for key in (*expected, "charts[1].lines:", "charts[1].metric:"):
        assert sum(key in one for one in told) == 1, key
    assert len(told) == len(expected) + 2
    out = " ".join(lab("dash", "--check", "mine").out.split())
    assert "9 errors" in out
    for one in told:
        assert one in out
    file.write_text(
        'schema = 1\nname = "other"\ntitle = "x"\nrows = []\ncolumns = ["modell"]\nmetrics = ["speed"]\n'
        '[baseline]\nagainst = "tag"\n'
    )
    (mine,) = lab("dash", "--check", "mine", "--json").document["unreadable"]
    assert len(mine["mistakes"]) == 5


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("--target locla", "unknown target 'locla'. Did you mean 'local'?"),
        ("--model phi3-mini-q5", "unknown model 'phi3-mini-q5'. Did you mean 'phi3-mini-q8'"),
    ],
)
def test_a_name_that_is_none_is_a_usage_error(lab: Lab, history: None, argv: str, error: str) -> None:
    ran = lab("dash", "--once", *argv.split())
    assert (ran.code, ran.out) == (2, "")
    assert error in ran.err


def test_a_pattern_is_not_a_name(lab: Lab, history: None) -> None:
    assert lab("dash", "--once", "--target", "loc*").code == 0


def test_an_unknown_name_is_a_usage_error_with_near_names(lab: Lab) -> None:
    ran = lab("dash", "overveiw")
    assert ran.code == 2
    assert "overview" in ran.err


def test_a_page_is_written_whole(lab: Lab, history: None, home: Path) -> None:
    page = home / "deep" / "report.html"
    ran = lab("dash", "overview", "--html", str(page))
    assert (ran.code, ran.out) == (0, "")
    assert page.read_text().startswith("<!doctype html>")
    assert [one.name for one in page.parent.iterdir()] == ["report.html"]
    assert lab("dash", "--html", str(page), "--json").code == 2


def test_printing_needs_neither_pandas_nor_textual(history: None, home: Path) -> None:
    code = (
        "import sys; from lab.cli import main; main(['dash', '--once']);"
        "print(*sorted({'pandas', 'textual', 'tvm', 'torch'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_the_verb_is_listed() -> None:
    assert "dash" in VERBS


def test_an_option_without_its_value_leads_to_the_help_of_its_verb(lab: Lab) -> None:
    assert lab("dash", "--html").err.splitlines()[-1] == "hint: see 'lab dash --help'"
    assert lab("compare", "--axis").err.splitlines()[-1] == "hint: see 'lab compare --help'"


def test_a_site_is_written_beside_files_of_others(lab: Lab, history: None, home: Path) -> None:
    folder = home / "deep" / "site"
    ran = lab("dash", "--html", str(folder))
    assert (ran.code, ran.out) == (0, "")
    assert "index.html: 13 pages, of them 1 series page, 5 run pages" in ran.err
    assert len(list((folder / "runs").iterdir())) == 5
    (folder / "notes.txt").write_text("mine")
    assert lab("dash", "regressions", "--html", str(folder), "--run-pages", "1").code == 0
    assert "<h1>Regressions</h1>" in (folder / "index.html").read_text()
    assert len(list((folder / "runs").iterdir())) == 1
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_folder_with_a_page_of_another_is_refused(lab: Lab, history: None, home: Path) -> None:
    (home / "site").mkdir()
    (home / "site" / "index.html").write_text("mine")
    ran = lab("dash", "--html", str(home / "site"))
    assert ran.code == 1
    assert "index.html: not made by lab" in ran.err
    assert [path.name for path in (home / "site").iterdir()] == ["index.html"]
    assert lab("dash", "--html", str(home / "x.html"), "--run-pages", "3").code == 2
    assert lab("dash", "--run-pages", "3").code == 2
