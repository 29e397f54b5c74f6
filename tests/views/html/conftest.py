"""One browser for all tests of pages in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

import pytest

from tests.views.browser import Page, browser


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser; `open` shows a page in it."""
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="session")
def axe() -> str:
    """The script that finds what people with a screen reader or without a mouse cannot use."""
    return resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
