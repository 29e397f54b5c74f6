"""Debian's packages of any architecture, by an apt state of our own: the system's sources are read, never changed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.core.errors import LabError
from lab.core.proc import run

RELEASE = "bookworm"
ARCHITECTURES = ("amd64", "arm64")
FETCH_S = 900.0
UNPACK_S = 300.0
INDEX_FORMAT = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
UNWANTED = ("./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/info/*")


class Debian:
    """Packages and sources of the release, fetched into `work`; apt checks their signatures as always."""

    def __init__(self, work: Path) -> None:
        work.mkdir(exist_ok=True)
        self._work = work
        self._updated = False

    def unpack(self, root: Path, arch: str, names: Sequence[str], *, dependencies: bool = True) -> dict[str, str]:
        """Unpack packages (and what they depend on) into `root`; no script of theirs runs. Return name -> version."""
        # A folder for each call: what another image fetched is not unpacked here too.
        cache = Path(tempfile.mkdtemp(prefix=f"debs-{arch}-", dir=self._work))
        cache.chmod(0o755)  # apt fetches as a user of its own
        (cache / "partial").mkdir()
        wanted = [f"{name}:{arch}" for name in names]
        if dependencies:
            options = ["-o", f"Dir::Cache::Archives={cache}", "-o", f"APT::Architecture={arch}"]
            self._apt(*options, "install", "--download-only", "--yes", "--no-install-recommends", *wanted)
        else:
            self._apt("download", *wanted, cwd=cache)
        debs = sorted(cache.glob("*.deb"))
        for deb in debs:
            _unpack_deb(deb, root)
        return dict(_name_and_version(deb) for deb in debs)

    def source(self, name: str, into: Path) -> str:
        """Unpack the source package `name`, with Debian's patches, as the folder `into`; return its version."""
        folder = self._work / f"source-{name}"
        folder.mkdir()
        self._apt("source", "--download-only", name, cwd=folder)
        (description,) = folder.glob("*.dsc")
        run(["dpkg-source", "--extract", str(description), str(into)], timeout_s=UNPACK_S, check=True)
        found = re.search(r"^Version: (?:\d+:)?(\S+)$", description.read_text("utf-8"), re.MULTILINE)
        return found[1] if found else "unknown"

    def _apt(self, *words: str, cwd: Path | None = None) -> None:
        if not self._updated:
            self._updated = True
            self._make_state()
            self._apt("update")
        run(["apt-get", "-q", *self._options(), *words], timeout_s=FETCH_S, cwd=cwd or self._work, check=True)

    def _make_state(self) -> None:
        for folder in ("lists/partial", "archives/partial", "preferences"):
            (self._work / folder).mkdir(parents=True)
        (self._work / "status").touch()
        (self._work / "lab.sources").write_text(_sources(), "utf-8")

    def _options(self) -> list[str]:
        pairs = {
            "Dir::Etc::SourceList": self._work / "lab.sources",
            "Dir::Etc::SourceParts": "-",
            "Dir::Etc::PreferencesParts": self._work / "preferences",
            "Dir::State::Lists": self._work / "lists",
            "Dir::State::Status": self._work / "status",
            "Dir::Cache": self._work,
            "APT::Architectures": ",".join(ARCHITECTURES),
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
        }
        return [word for key, value in pairs.items() for word in ("-o", f"{key}={value}")]


def _sources() -> str:
    """Return the system's own Debian repositories, as a sources file that also has their source packages."""
    command = ["apt-get", "indextargets", "--format", INDEX_FORMAT, "Identifier: Packages", "Origin: Debian"]
    lines = {line for line in run(command, timeout_s=60, check=True).stdout.splitlines() if _is_ours(line)}
    if not lines:
        raise LabError(
            f"apt has no repository of Debian {RELEASE}",
            hint="the images are made of Debian 12's packages: build them on Debian 12, after `apt-get update`",
        )
    return "\n".join(_stanza(*line.split("|")) for line in sorted(lines))


def _is_ours(line: str) -> bool:
    _, suite, component = line.split("|")
    return component == "main" and suite.split("-")[0] == RELEASE


def _stanza(uri: str, suite: str, component: str) -> str:
    return f"Types: deb deb-src\nURIs: {uri}\nSuites: {suite}\nComponents: {component}\n"


def _name_and_version(deb: Path) -> tuple[str, str]:
    name, version, _ = deb.name.split("_")
    return name, version.rpartition("%3a")[2]  # without the epoch


def _unpack_deb(deb: Path, root: Path) -> None:
    root.mkdir(exist_ok=True)
    excluded = " ".join(f"--exclude='{pattern}'" for pattern in UNWANTED)
    # Debian 12 has /bin, /lib and /sbin as links into /usr; --keep-directory-symlink goes through them.
    script = f'set -o pipefail; dpkg-deb --fsys-tarfile "$1" | tar -C "$2" -x -p --keep-directory-symlink {excluded}'
    run(["bash", "-c", script, "bash", str(deb), str(root)], timeout_s=UNPACK_S, check=True)
