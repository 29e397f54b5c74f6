"""What every use of lief on untrusted files needs: not a word on the terminal."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_lief() -> Iterator[None]:
    """Let lief give a number where it has no name for it, without a warning, and log nothing.

    Its iterators do not keep the file alive that they read: hold it in a variable for as long as they run.
    """
    import lief  # takes a tenth of a second, so that no start of lab pays for it

    lief.logging.disable()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "-?[0-9]+ is not a valid ", RuntimeWarning)
        yield
