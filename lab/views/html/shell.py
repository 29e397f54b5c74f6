"""What every page has around it: one file, no network, and nothing in it that a record could run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from lab.views.html.escape import attribute, text
from lab.views.html.sheet import Sheet

HERE = Path(__file__).parent


def document(title: str, body: Sequence[str], sheet: Sheet, nav: str = "") -> str:
    """Return the whole page; `body` and `nav` are HTML already, `title` is text."""
    style, script, policy = _parts()
    main = "\n".join(part for part in body if part)
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        '<link rel="icon" href="data:,">\n'
        f"<title>{text(title)} – lab</title>\n<style>{style}</style></head>\n<body>\n"
        f"{nav}<main>\n{main}\n</main>"
        f'\n<script type="application/json" id="data">{sheet.json()}</script>\n'
        f"<script>{script}</script>\n</body></html>\n"
    )


def nav_html(pages: Sequence[tuple[str, str]], here: str = "") -> str:
    """Return the list of pages, (title, address) each; that of the title `here` is this one."""
    items = "".join(
        f'<li><a href="{attribute(address)}"{" aria-current=page" if title == here else ""}>{text(title)}</a></li>'
        for title, address in pages
    )
    return f'<nav aria-label="Pages"><ul>{items}</ul></nav>\n' if pages else ""


@cache
def _parts() -> tuple[str, str, str]:
    """The style, the script, and the policy that names both by their hashes."""
    style = (HERE / "style.css").read_text("utf-8")
    script = "".join((HERE / name).read_text("utf-8") for name in ("script.js", "charts.js"))
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {_hash(style)}; script-src {_hash(script)}"
    )
    return style, script, attribute(policy)


def _hash(content: str) -> str:
    """The content as a Content-Security-Policy names what may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
