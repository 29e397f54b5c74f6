"""What an arm64 processor can do, in the words of macOS and in those of Linux, which bundles use."""

from __future__ import annotations

import re

# lab/ondevice/src/apple_cpu.cc has the same table: the runner checks again, on the Mac itself.
LINUX_NAMES: dict[str, tuple[str, ...]] = {
    "floatingpoint": ("fp",),
    "AdvSIMD": ("asimd",),
    "arm.AdvSIMD": ("asimd",),
    "neon": ("asimd",),
    "neon_fp16": ("asimdhp", "fphp"),
    "armv8_crc32": ("crc32",),
    "arm.FEAT_CRC32": ("crc32",),
    "armv8_1_atomics": ("atomics",),
    "armv8_2_fhm": ("asimdfhm",),
    "armv8_2_sha512": ("sha512",),
    "armv8_2_sha3": ("sha3",),
    "arm.FEAT_AES": ("aes",),
    "arm.FEAT_PMULL": ("pmull",),
    "arm.FEAT_SHA1": ("sha1",),
    "arm.FEAT_SHA256": ("sha2",),
    "arm.FEAT_SHA512": ("sha512",),
    "arm.FEAT_SHA3": ("sha3",),
    "arm.FEAT_LSE": ("atomics",),
    "arm.FEAT_LSE2": ("uscat",),
    "arm.FEAT_FP16": ("asimdhp", "fphp"),
    "arm.FEAT_FHM": ("asimdfhm",),
    "arm.FEAT_RDM": ("asimdrdm",),
    "arm.FEAT_DotProd": ("asimddp",),
    "arm.FEAT_JSCVT": ("jscvt",),
    "arm.FEAT_FCMA": ("fcma",),
    "arm.FEAT_LRCPC": ("lrcpc",),
    "arm.FEAT_LRCPC2": ("ilrcpc",),
    "arm.FEAT_DPB": ("dcpop",),
    "arm.FEAT_DPB2": ("dcpodp",),
    "arm.FEAT_DIT": ("dit",),
    "arm.FEAT_FlagM": ("flagm",),
    "arm.FEAT_FlagM2": ("flagm2",),
    "arm.FEAT_SSBS": ("ssbs",),
    "arm.FEAT_SB": ("sb",),
    "arm.FEAT_PAuth": ("paca", "pacg"),
    "arm.FEAT_FRINTTS": ("frint",),
    "arm.FEAT_I8MM": ("i8mm",),
    "arm.FEAT_BF16": ("bf16",),
    "arm.FEAT_EBF16": ("ebf16",),
    "arm.FEAT_BTI": ("bti",),
    "arm.FEAT_ECV": ("ecv",),
    "arm.FEAT_AFP": ("afp",),
    "arm.FEAT_RPRES": ("rpres",),
    "arm.FEAT_WFxT": ("wfxt",),
    "arm.FEAT_SME": ("sme",),
    "arm.FEAT_SME2": ("sme2",),
}


# macOS 11 tells of few features, and never under the names that Arm has for them. The first of Apple's processors for a
# Mac has all of these, and so have those that came after.
EVERY_APPLE_M = (
    "fp",
    "asimd",
    "asimddp",
    "asimdhp",
    "asimdrdm",
    "fphp",
    "atomics",
    "crc32",
    "aes",
    "pmull",
    "sha1",
    "sha2",
)


def features(text: str, brand: str = "") -> list[str] | None:
    """Return the features that `sysctl hw.optional` tells of, by Linux's names, sorted; None where it tells none.

    `brand` is the processor's name, which stands in for what macOS 11 does not tell.
    """
    there = re.findall(r"^hw\.optional\.([\w.]{1,60}): 1$", text, re.MULTILINE)
    found = {name for feature in there for name in LINUX_NAMES.get(feature, ())}
    if found and "hw.optional.arm.FEAT_" not in text and brand.startswith("Apple M"):
        found |= set(EVERY_APPLE_M)
    return sorted(found) or None
