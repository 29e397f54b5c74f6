"""`lab verify` for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.agreement import Agreement
from lab.views.table import BAD, GOOD, pairs
from lab.views.units import percent


def verify_table(title: str, found: Agreement) -> RenderableType:
    """The verdict in a word, and the numbers behind it."""
    word = Text("passed", GOOD) if found.passed else Text("FAILED", BAD)
    rows = [
        ("Positions", str(found.positions)),
        ("Relative error", f"{found.rel_error:.3g}, at worst {found.rel_error_worst:.3g}"),
        ("Limit", f"{found.rel_error_max:.3g} {'of all together' if found.jointly else 'at every position'}"),
        ("Largest difference", f"{found.abs_error_max:.3g}"),
        ("KL divergence", f"{found.kl_divergence_nats:.3g} nats"),
        ("Same best label" if found.jointly else "Same best token", percent(found.argmax_agreement, 1)),
    ]
    return Group(Text.assemble((title, "bold"), "   ", word), pairs(rows))
