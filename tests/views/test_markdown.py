"""Markdown that strangers read: the same table as in the terminal, with nothing in it that means something."""

from __future__ import annotations

from markdown_it import MarkdownIt
from rich.text import Text

from lab.views.markdown import escaped, markdown_table
from lab.views.table import left, right

HOSTILE = "a|b\n<script>x</script> **c** @you [d](http://e) `f` www.g.h \x1b[31m"


def rendered(text: str) -> str:
    return str(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text))


def test_a_table_has_the_same_columns_and_rows() -> None:
    text = markdown_table(
        [left("Test"), right("Decode\n5 runs")], [["pp512+tg128", Text("8.8 tok/s\n0.88 slower", "red")]]
    )
    assert text.splitlines()[1] == "|---|--:|"
    page = rendered(text)
    assert "<th>Test</th>" in page
    assert "Decode<br>5 runs</th>" in page
    assert '<td style="text-align:right">8.8 tok/s<br>0.88 slower</td>' in page


def test_nothing_in_a_cell_means_anything() -> None:
    page = rendered(markdown_table([left(HOSTILE)], [[HOSTILE]]))
    assert page.count("<tr>") == 2
    for tag in ("<script", "<strong", "<a ", "<code"):
        assert tag not in page
    assert "\x1b" not in escaped(HOSTILE)


def test_a_row_without_columns_is_no_reason_to_fail() -> None:
    assert markdown_table([left("A")], []).splitlines() == ["| A |", "|---|"]
