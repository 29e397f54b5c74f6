"""Markdown that strangers read: the same table as in the terminal, with nothing in it that means something."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
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


class Shown(HTMLParser):
    """What of a page is text, and which tags it has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", set[str]()
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)


def shape(text: str) -> str:
    """What is to be seen of the text; how much space there is between words, Markdown does not keep."""
    return "".join("".join(char if char.isprintable() else " " for char in text).split())


MARKED = st.text(st.sampled_from("\\`*_{}[]()#|<>&~@:$!+-=.1ab \n\t/;'\"\x1b"), max_size=30)
PLACES = {  # the source, what is to be seen of it, and its tags
    "{}": ("{}", {"p"}),
    "- {}": ("{}", {"ul", "li", "p"}),
    "1. {}": ("{}", {"ol", "li", "p"}),
    "### lab compare: {}": ("lab compare: {}", {"h3"}),
    "| {} |\n|---|\n| b |": ("{}b", {"table", "thead", "tbody", "tr", "th", "td"}),
    "**a{}b** c": ("a{}b c", {"p", "strong"}),
}


@pytest.mark.parametrize("place", PLACES)
@given(MARKED | st.text(max_size=20))
@example("a\\|b")
@example("1. x")
@example("- [ ] x")
@example("&lt;b&gt; &#64;")
@example("![a](b)<c>")
@example("__a__ ~~b~~ `c` _d")
@example("[a]: http://b")
@example("---")
@example("1 ##")
@example("===")
@example("    code")
def test_untrusted_text_shows_as_it_is(place: str, text: str) -> None:
    """No tag but those of its place, and the same characters, by a parser of the dialect that is not ours."""
    seen, tags = PLACES[place]
    shown = Shown(rendered(place.replace("{}", escaped(text))))
    assert shown.tags <= tags
    assert shape(shown.text) == shape(seen.replace("{}", text))


@pytest.mark.parametrize("text", ["see http://e.org/x", "HTTPS://e.org", "www.e.org", "ftp://e.org/a"])
def test_no_link_comes_of_a_bare_address(text: str) -> None:
    page = str(MarkdownIt("gfm-like", {"html": True, "linkify": True}).render(escaped(text)))
    assert "<a " not in page
    assert text in page


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("pp512+tg128@d2048 Decode: -9.8 % (slower)", None),
        ("roofs with 2 threads: 26.9 and 26.7 GB/s; decode_tok_per_s; 20261120-060000-0001b7", None),
        ("12:30:45 to 03:20:00, 5 > 3 & more", None),
        ("`lab run --resume latest`", "\\`lab run --resume latest\\`"),
        ("a|b *c* _d_", "a\\|b \\*c\\* \\_d\\_"),
        ("@you and a@b.org, #12 :tada:", "&#64;you and a&#64;b.org, &#35;12 &#58;tada:"),
        ("-1 %", None),
        ("1.5 GB", None),
        ("2. second", "2\\. second"),
    ],
)
def test_the_source_is_readable(text: str, source: str | None) -> None:
    assert escaped(text) == (source or text)


def test_a_row_without_columns_is_no_reason_to_fail() -> None:
    assert markdown_table([left("A")], []).splitlines() == ["| A |", "|---|"]
