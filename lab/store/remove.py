"""Single runs taken out of the store in use, whatever it is."""

from __future__ import annotations

from collections.abc import Sequence

from lab.core.home import profiles_dir
from lab.store import Entry, in_use, place
from lab.store.protocol import Removing
from lab.store.remove_runs import remove_runs


def remove_entries(entries: Sequence[Entry]) -> None:
    """Remove these runs for good; those that are gone already are no error."""
    store = in_use()
    if isinstance(store, Removing):
        store.remove([entry.run_id for entry in entries])
    else:
        remove_runs(profiles_dir(), [place(entry.place) for entry in entries])
