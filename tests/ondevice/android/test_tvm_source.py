"""TVM's sources: a folder, an archive, or a fetched one; of the installed version, or refused."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.core.errors import CompileError
from lab.core.progress import NullProgress
from lab.ondevice.android import tvm_source as module
from lab.ondevice.android.tvm_source import tvm_source
from lab.ondevice.android.tvm_tree import MISSING_IN_WHEEL, check_tree
from lab.ondevice.wheels import find_wheels
from tests.ondevice.android.planted import Planted, copy_tree, write
from tests.ondevice.conftest import there


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_TVM_SOURCE", raising=False)


@pytest.fixture
def archive(planted: Planted, tmp_path: Path) -> Path:
    """An archive as Apache publishes them: all below one folder, with more in it than is wanted."""
    write(planted.tree, {"python/tvm/__init__.py": "", "src/target/one.cc": ""})
    path = tmp_path / "apache-tvm-src.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(planted.tree, "apache-tvm-src")
    return path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served as Apache's second site is; the first has nothing."""
    root = tmp_path / "site"
    root.mkdir()
    handler = functools.partial(_Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setattr(module, "SITES", ((f"{address}/first",) * 2, (f"{address}/dist", f"{address}/sums")))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield root
        server.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def publish(site: Path, planted: Planted, data: bytes, sha512: str) -> None:
    version = planted.wheels.tvm_version
    name = f"tvm-v{version}/apache-tvm-src-v{version}.tar.gz"
    for path, content in ((site / "dist" / name, data), (site / "sums" / f"{name}.sha512", f"{sha512}  x\n".encode())):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)


def take(planted: Planted, chosen: Path | None = None) -> Path:
    return tvm_source(chosen, planted.wheels, planted.out, NullProgress())


def refusal(planted: Planted, chosen: Path | None = None) -> CompileError:
    with pytest.raises(CompileError) as caught:
        take(planted, chosen)
    assert not planted.out.exists() or not list(planted.out.iterdir())
    return caught.value


def test_a_folder_is_used_where_it_is(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    assert take(planted, planted.tree) == planted.tree
    monkeypatch.setenv("LAB_TVM_SOURCE", str(planted.tree))
    assert take(planted) == planted.tree
    assert not planted.out.exists()


def test_the_option_goes_before_the_variable(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TVM_SOURCE", "/nowhere")
    assert take(planted, planted.tree) == planted.tree
    assert "LAB_TVM_SOURCE /nowhere: neither a folder nor an archive" in refusal(planted).what


def test_of_an_archive_only_what_is_compiled_is_kept(planted: Planted, archive: Path) -> None:
    kept = take(planted, archive)
    check_tree(kept, "", planted.wheels)
    assert sorted(path.name for path in kept.iterdir()) == ["3rdparty", "include", "manifest.json", "src"]
    assert sorted(path.name for path in (kept / "src").iterdir()) == ["runtime", "support"]


def test_it_is_fetched_checked_and_kept(planted: Planted, archive: Path, site: Path) -> None:
    data = archive.read_bytes()
    publish(site, planted, data, hashlib.sha512(data).hexdigest().upper())
    kept = take(planted)
    check_tree(kept, "", planted.wheels)
    for path in site.rglob("*.gz*"):
        path.unlink()
    assert take(planted) == kept


def test_a_wrong_sum_is_refused(planted: Planted, archive: Path, site: Path) -> None:
    publish(site, planted, archive.read_bytes(), "0" * 128)
    assert "its SHA-512 is not the one in" in refusal(planted).what


def test_a_sum_that_is_none_is_refused(planted: Planted, archive: Path, site: Path) -> None:
    publish(site, planted, archive.read_bytes(), "<html>moved</html>")
    assert "has no SHA-512" in refusal(planted).what


def test_where_nothing_is_reached_it_says_what_to_fetch(planted: Planted, site: Path) -> None:
    problem = refusal(planted)
    assert "could not be fetched" in problem.what
    assert problem.what.count("File not found") == 2
    assert f"apache-tvm-src-v{planted.wheels.tvm_version}.tar.gz" in there(problem.hint)
    assert "--tvm-source" in there(problem.hint)


def test_no_answer_at_all_is_the_same(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SITES", (("http://127.0.0.1:9/tvm",) * 2,))
    assert "Connection refused" in refusal(planted).what


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b\x08\x00 damaged"], ids=["empty", "text", "gzip"])
def test_what_is_no_archive(planted: Planted, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file.tar.gz").write_bytes(data)
    assert "no archive of TVM's source, or damaged" in refusal(planted, tmp_path / "file.tar.gz").what


def test_a_cut_archive(planted: Planted, archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-200])
    refusal(planted, archive)


def test_names_that_lead_elsewhere_and_links_are_left_out(planted: Planted, tmp_path: Path) -> None:
    path = tmp_path / "odd.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(planted.tree, "tvm")
        for name in ("tvm/src/runtime/../../../escaped.h", "/src/runtime/../../escaped.h", "tvm/../escaped.h"):
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"bad"))
        link = tarfile.TarInfo("tvm/src/runtime/link.h")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    kept = take(planted, path)
    assert not list(tmp_path.rglob("escaped.h"))
    assert not (kept / "src/runtime/link.h").is_symlink()


def test_a_huge_file_in_it_is_refused(planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10)
    with tarfile.open(tmp_path / "big.tar", "w") as tar:
        tar.add(planted.tree, "tvm")
    assert "which no source file of TVM has" in refusal(planted, tmp_path / "big.tar").what


@pytest.mark.parametrize("name", ["src/runtime/vm/one.cc", "include/tvm/runtime/base.h"])
def test_one_changed_source_is_another_version(planted: Planted, tmp_path: Path, name: str) -> None:
    other = copy_tree(planted, tmp_path / "other")
    (other / name).write_text('#define TVM_VERSION "0.28.dev0"\n')
    problem = refusal(planted, other)
    assert f"its {name} is not that of the installed apache-tvm {planted.wheels.tvm_version}" in problem.what
    assert "git clone https://github.com/apache/tvm" in there(problem.hint)


@pytest.mark.parametrize("name", MISSING_IN_WHEEL)
def test_a_tree_with_a_hole(planted: Planted, tmp_path: Path, name: str) -> None:
    other = copy_tree(planted, tmp_path / "other")
    (other / name).unlink()
    assert f"is no source tree of TVM: {name} is missing" in refusal(planted, other).what


def test_the_wheel_itself_is_not_enough_and_the_hint_names_its_commit() -> None:
    """Should a wheel come to have these headers, no other source would be needed any more."""
    wheels = find_wheels()
    with pytest.raises(CompileError, match="is no source tree of TVM") as caught:
        check_tree(wheels.tvm, "the wheel", wheels)
    assert re.search(r"checkout [0-9a-f]{7,40}, or", there(caught.value.hint))
