"""The same few jobs in the words of each system's tools: GNU's, toybox's and busybox's agree, those of macOS do not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tools:
    """`hasher` prints the sha256 of its input or of a file, as its first word."""

    hasher: str
    is_bsd: bool = False

    def size_of(self, names: str) -> str:
        """Return the command that prints the bytes of a file; `names` is quoted already."""
        return f"stat -f %z {names}" if self.is_bsd else f"stat -c %s {names}"

    def names_and_sizes(self, names: str) -> str:
        """Return the command that prints a line "name bytes" for each file that is there."""
        return f"stat -f '%N %z' {names}" if self.is_bsd else f"stat -c '%n %s' {names}"

    def cut_to(self, name: str, size_bytes: int) -> str:
        """Return the command that shortens a file. Not every macOS has truncate; dd has always cut where it seeks."""
        if self.is_bsd:
            return f"dd if=/dev/null of={name} bs=1 seek={size_bytes} 2>/dev/null"
        return f"truncate -s {size_bytes} {name}"
