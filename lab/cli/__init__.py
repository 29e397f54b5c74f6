"""The command line: each verb parses, calls the layer below and renders what it got."""

from __future__ import annotations

from lab.cli.main import entry, main

__all__ = ["entry", "main"]
