"""A command line that reaches a POSIX shell whatever the user's login shell is."""

from __future__ import annotations

# Characters that mean nothing to sh, bash, zsh, fish and csh alike when they are in single quotes, and that the inner
# double quotes and printf leave alone too.
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-+=./,:;@#()[]{}<>|&*?~^")


def for_sh(command: str) -> str:
    """Return a line that makes any common login shell hand `command` to sh.

    Shells do not agree on how to quote a quote, a backslash, a newline or a "!": those are spelt in octal, and sh
    puts them together again. A command that is not UTF-8 is spelt by surrogates (os.fsdecode).
    """
    spelt = "".join(
        chr(byte) if byte in PLAIN else f"\\0{byte:03o}" for byte in command.encode("utf-8", "surrogateescape")
    )
    return f"""exec sh -c 'eval "$(printf %b "{spelt}")"'"""
