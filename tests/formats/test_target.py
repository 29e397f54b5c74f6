from __future__ import annotations

from pathlib import Path

import pytest

from lab.core.errors import ConfigError, LabError, UsageError
from lab.core.home import builtin_dir
from lab.formats.target import TargetSpec, all_targets, at, load_target
from lab.formats.transports import DeviceSpec

SOUND = 'schema = 1\nname = "box"\ndescription = "a box"\n[device]\ntransport = "local"\n'


def put(home: Path, text: str, name: str = "box") -> None:
    (home / "targets").mkdir(exist_ok=True)
    (home / "targets" / f"{name}.toml").write_text(text)


def test_every_builtin_target_is_sound(home: Path) -> None:
    built_in = {path.stem for path in builtin_dir("targets").glob("*.toml")}
    assert "local" in built_in
    for name in built_in:
        assert load_target(name).name == name


def test_a_small_file_gets_the_defaults(home: Path) -> None:
    put(home, SOUND)
    spec = load_target("box")
    assert (spec.device.transport, spec.device.emulated) == ("local", False)
    assert (spec.compile.backend, spec.compile.kind, spec.compile.cpu) == ("tvm", "llvm", "native")
    assert (spec.measure.repeats, spec.measure.threads, spec.measure.prefill_chunk) == (0, 0, 512)


def test_a_users_file_hides_the_builtin_of_its_name(home: Path) -> None:
    put(home, SOUND.replace('"box"', '"local"'), "local")
    assert load_target("local").description == "a box"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('[compile]\nmtripel = "x"', r"box.toml: \[compile\].mtripel: unknown key. Did you mean mtriple\?"),
        ('[compile]\nmtriple = "x86_64; rm -rf /"', r"\[compile\].mtriple: .* does not have the form"),
        ('[compile]\nmtriple = "-o/etc/x"', r"\[compile\].mtriple: "),
        ('[compile]\ncpu = "x -load=evil.so"', r"\[compile\].cpu: "),
        ('[compile]\nfeatures = ["+avx2", "avx2"]', r"\[compile\].features\[1\]: "),
        ('[compile]\nbackend = "tvmm"', r"\[compile\].backend: 'tvmm' is not one of tvm, mlc. Did you mean tvm"),
        ("[measure]\nrepeats = -1", r"\[measure\].repeats: -1 is too small, at least 0"),
        ("[measure]\nrepeats = 2.5", r"\[measure\].repeats: expected an integer"),
        ("[measure]\ncv_gate = 5", r"\[measure\].cv_gate: 5.0 is too large, at most 1"),
        ("[measure]\ntimeout_s = inf", r"\[measure\].timeout_s: expected a finite number"),
        ("[measure]\ntimeout_s = 0", r"\[measure\].timeout_s: 0.0 is too small, more than 0 s"),
        ("[measur]\nrepeats = 5", r"box.toml: measur: unknown key. Did you mean measure"),
    ],
)
def test_a_wrong_key_or_value_is_named(home: Path, more: str, message: str) -> None:
    put(home, f"{SOUND}{more}\n")
    with pytest.raises(ConfigError, match=message):
        load_target("box")


def test_a_file_without_device_says_so(home: Path) -> None:
    put(home, SOUND.replace("[device]\n", "").replace('transport = "local"\n', ""))
    with pytest.raises(ConfigError, match=r"box.toml: device: missing key"):
        load_target("box")


def test_the_name_is_the_name_of_the_file(home: Path) -> None:
    put(home, SOUND, "other")
    with pytest.raises(ConfigError, match=r"other.toml: name: 'box' is not the name of the file"):
        load_target("other")


@pytest.mark.parametrize("name", ["Box", "-box", "b x", "b" * 120])
def test_a_name_must_be_safe_in_a_path(home: Path, name: str) -> None:
    put(home, SOUND.replace('"box"', f'"{name}"'), name)
    with pytest.raises(ConfigError, match="cannot be the name of a target"):
        load_target(name)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "loca", ""])
def test_an_unknown_name_never_leaves_the_folder(home: Path, name: str) -> None:
    (home / "secret.toml").write_text(SOUND)
    with pytest.raises(ConfigError, match=r"unknown target .*(Known: .*|Did you mean .)local") as caught:
        load_target(name)
    assert "targets/<name>.toml" in str(caught.value.hint)


def test_one_broken_file_hides_no_other(home: Path) -> None:
    put(home, SOUND)
    put(home, "schema = ", "broken")
    found = all_targets()
    assert isinstance(found["box"], TargetSpec)
    assert isinstance(found["local"], TargetSpec)
    assert isinstance(found["broken"], LabError)
    assert "broken.toml" in found["broken"].what


def reached(transport: str) -> TargetSpec:
    return TargetSpec(schema=1, name="box", description="", device=DeviceSpec(transport=transport))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("transport", "address", "host", "port", "user"),
    [
        ("ssh", "rpi5", "rpi5", 0, ""),
        ("ssh", "pi@192.168.1.20", "192.168.1.20", 0, "pi"),
        ("ssh", "pi@rpi5.local:2222", "rpi5.local", 2222, "pi"),
        ("ssh", "[::1]:2222", "::1", 2222, ""),
        ("ssh", "pi@[fe80::1%eth0]:22", "fe80::1%eth0", 22, "pi"),
        ("ssh", "fe80::1%eth0", "fe80::1%eth0", 0, ""),
        ("ssh", "pi@2001:db8::7", "2001:db8::7", 0, "pi"),
        ("ssh", "me@corp@host", "host", 0, "me@corp"),
    ],
)
def test_a_host_can_be_named_on_the_command_line(transport: str, address: str, host: str, port: int, user: str) -> None:
    found = at(reached(transport), address).ssh
    assert (found.host, found.port, found.user) == (host, port, user)


def test_a_phone_can_be_named_on_the_command_line() -> None:
    wifi = at(reached("adb"), "192.168.1.5:5555")
    assert (wifi.adb.address, wifi.device.serial) == ("192.168.1.5:5555", "")
    usb = at(wifi, "28041FDH2000XY")
    assert (usb.adb.address, usb.device.serial) == ("", "28041FDH2000XY")
    assert at(usb, "[fe80::1%eth0]:5555").adb.address == "fe80::1%eth0:5555"
    for serial in ("usb:1-2", "usb:1-1.4", "transport:57", "adb-2233fd19-9mU6UL (2)._adb-tls-connect._tcp"):
        named = at(wifi, serial)
        assert (named.adb.address, named.device.serial) == ("", serial)


@pytest.mark.parametrize(
    ("transport", "address"),
    [
        ("ssh", "-oProxyCommand=x"),
        ("ssh", "pi@-host"),
        ("ssh", "a b"),
        ("ssh", "host:99999"),
        ("ssh", "[::1"),
        ("ssh", "[::1]:99999"),
        ("ssh", "[host]:22"),
        ("ssh", "fe80::1%eth0;id"),
        ("ssh", "1:2:3"),
        ("ssh", ""),
        ("adb", "-s"),
        ("adb", "a;b"),
        ("adb", "$(id)"),
        ("local", "here"),
        ("qemu", "here"),
    ],
)
def test_what_cannot_be_an_address_is_refused(transport: str, address: str) -> None:
    with pytest.raises(UsageError, match="is reached over"):
        at(reached(transport), address)


def test_what_lab_starts_in_qemu_is_emulated() -> None:
    assert reached("qemu").is_emulated
    assert not reached("adb").is_emulated
