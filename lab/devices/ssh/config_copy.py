"""Copies of OpenSSH's configuration files in the form that asyncssh reads as OpenSSH reads the files themselves.

OpenSSH takes comments behind values, times with units, names of ports, bytes that are no UTF-8 and a backslash that
escapes nothing. Each line of a file is one of its copy, so that a number of a line in an error stays right.
"""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lab.devices.ssh.config_lines import INCLUDES_MAX, MAX_BYTES

_BLANKS = " \t"
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_COMMANDS = {"proxycommand", "remotecommand"}  # the rest of the line as it is
_IGNORED = {"localcommand", "knownhostscommand"}  # commands that asyncssh does not know, and would take apart
_TIMES = ("connecttimeout", "serveraliveinterval")
_LONGEST_S = 2**31 - 1


class Copies:
    """The copies lie in a folder of their own until this object goes.

    With `asked`, its value stands in the copies as HostKeyAlias: asyncssh reads no option that it does not know, and
    which line counts for a host it alone decides.
    """

    def __init__(self, paths: Sequence[str], asked: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lab-ssh-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._asked = asked.lower()
        self._originals: dict[str, str] = {}
        self.paths = [copy for path in paths if (copy := self._copy(Path(path), 1))]

    def original(self, text: str) -> str:
        """Return a message about a copy as one about the file."""
        for copy, path in sorted(self._originals.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(copy, path)
        return text

    def _copy(self, path: Path, depth: int) -> str:
        try:
            data = path.read_bytes()[:MAX_BYTES]
        except OSError:
            return ""
        copy = self._folder / f"{len(self._originals)}.conf"
        self._originals[str(copy)] = str(path)
        lines = data.decode("utf-8", "replace").split("\n")
        copy.write_text("".join(self._line(line, path, depth) + "\n" for line in lines), encoding="utf-8")
        return str(copy)

    def _line(self, text: str, path: Path, depth: int) -> str:
        name, rest = keyword(text)
        plain = name.lower()
        if not name or plain in _IGNORED or (plain in _TIMES and rest.split()[:1] == ["none"]):
            return ""  # a time of none is as if the line were not there
        if plain in _COMMANDS:
            return f"{name} {rest}"
        try:
            words = list(strdelim_words(rest) if plain == "match" else argv_words(rest))
        except ValueError:
            return text  # asyncssh says what is wrong with it
        if plain == "include":
            words = [copy for one in _included(words, path) if (copy := self._included(one, depth))]
            return f"Include {' '.join(map(_quoted, words))}" if words else ""
        if plain == "match":
            return f"Match {' '.join(self._match_words(words))}"
        if self._asked:
            name, plain = {"hostkeyalias": ("", ""), self._asked: ("HostKeyAlias", "")}.get(plain, (name, plain))
        return f"{name} {' '.join(map(_quoted, _converted(plain, words)))}" if name else ""

    def _included(self, path: Path, depth: int) -> str:
        return self._copy(path, depth + 1) if depth < INCLUDES_MAX else ""

    def _match_words(self, words: list[str]) -> Iterator[str]:
        """asyncssh takes a command with a "=" in it apart, so the command goes into a file."""
        for before, word in zip(["", *words], words, strict=False):
            if before.lower() not in ("exec", "!exec"):
                yield _quoted(word)
                continue
            script = self._folder / f"{len(self._originals)}.sh"
            self._originals[str(script)] = "exec"
            script.write_text(word + "\n", encoding="utf-8")
            yield _quoted(f"sh {shlex.quote(str(script))}")


def keyword(text: str) -> tuple[str, str]:
    """Return the name that a line begins with and what is behind it; "" for an empty line or a comment."""
    found = re.match(r'[ \t]*(?:"([^"]*)"|([^\s="]+))[ \t]*=?[ \t]*(.*)$', text.rstrip(" \t\r\n\f"))
    if found is None or text.lstrip(_BLANKS).startswith("#"):
        return "", ""
    return found[1] or found[2] or "", found[3]


def argv_words(text: str) -> Iterator[str]:
    """Yield the words of a value as OpenSSH takes them apart; a comment ends them. ValueError: a quote has no end."""
    at = 0
    while True:
        while text[at : at + 1] and text[at] in _BLANKS:
            at += 1
        if at >= len(text) or text[at] == "#":
            return
        word, at = _argv_word(text, at)
        yield word


def _argv_word(text: str, at: int) -> tuple[str, int]:
    word, quote = "", ""
    while at < len(text):
        char, following = text[at], text[at + 1 : at + 2]
        if char == "\\":
            # Before anything else it stands for itself.
            escapes = (following in ("'", '"', "\\") and following) or (not quote and following == " ")
            at += 1 if escapes else 0
            word += text[at]
        elif not quote and char in _BLANKS:
            break
        elif not quote and char in "\"'":
            quote = char
        elif char == quote:
            quote = ""
        else:
            word += char
        at += 1
    if quote:
        raise ValueError("a quotation has no end")
    return word, at


def strdelim_words(text: str) -> Iterator[str]:
    """Yield the words of a Match line: blanks and one "=" are between them, and only " quotes."""
    while text := text.strip():
        if text.startswith("#"):
            return
        found = re.match(r'(?:"([^"]*)"|([^\s="]+))[ \t]*=?', text)
        if found is None:
            raise ValueError("a quotation has no end")
        yield found[1] if found[2] is None else found[2]
        text = text[found.end() :]


def _converted(name: str, words: list[str]) -> list[str]:
    convert = _CONVERT.get(name)
    return words if convert is None else [convert(word) for word in words]


def _time(word: str) -> str:
    """Return a time in seconds."""
    parts = re.findall(r"(\d{1,10})([smhdw]?)", word.lower())
    if not parts or "".join(map("".join, parts)) != word.lower():
        return word
    return str(min(sum(int(count) * _UNITS_S[unit] for count, unit in parts), _LONGEST_S))


def _port(word: str) -> str:
    with suppress(OSError, ValueError):
        return word if word.isdigit() else str(socket.getservbyname(word, "tcp"))
    return word


def _pubkey(word: str) -> str:
    """OpenSSH's two other words for yes say how a key is bound to the host, which asyncssh leaves out."""
    return "yes" if word.lower() in ("unbound", "host-bound") else word


_CONVERT: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(_TIMES, _time),
    "port": _port,
    "pubkeyauthentication": _pubkey,
}


def _included(words: Sequence[str], path: Path) -> Iterator[Path]:
    """Yield the files that the patterns of an Include name, relative ones beside the user's configuration."""
    base = path.parent if path.is_relative_to("/etc/ssh") else Path("~/.ssh").expanduser()
    for word in words:
        with suppress(RuntimeError, ValueError, OSError, NotImplementedError, IndexError):
            pattern = base / Path(word).expanduser()
            found = Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
            yield from sorted(one for one in found if one.is_file())


def _quoted(word: str) -> str:
    """Return a word as asyncssh reads it back."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
