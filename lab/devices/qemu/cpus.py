"""What /proc/cpuinfo says on the processors that a phone can be given: under qemu-user it would be the host's."""

from __future__ import annotations

from lab.core.errors import ConfigError

V8 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
V82 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"

# QEMU's name -> implementer is Arm's, part, features as the kernel prints them.
CPUS = {
    "cortex-a53": ("0xd03", V8),
    "cortex-a57": ("0xd07", V8),
    "cortex-a72": ("0xd08", V8),
    "cortex-a76": ("0xd0b", V82),
    "neoverse-n1": ("0xd0c", V82),
}


def cpuinfo(cpu: str, cores: int) -> str:
    """Return the text of /proc/cpuinfo for `cores` of the processor that QEMU calls `cpu`."""
    if cpu not in CPUS:
        raise ConfigError(f"[qemu].cpu: a phone cannot have a {cpu!r}", hint=f"there are: {', '.join(CPUS)}")
    part, features = CPUS[cpu]
    lines = ["BogoMIPS\t: 100.00", f"Features\t: {features}", "CPU implementer\t: 0x41", "CPU architecture: 8"]
    lines += ["CPU variant\t: 0x1", f"CPU part\t: {part}", "CPU revision\t: 0"]
    return "".join(f"processor\t: {i}\n" + "\n".join(lines) + "\n\n" for i in range(cores))
