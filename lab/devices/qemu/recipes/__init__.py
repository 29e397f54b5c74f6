"""How the emulated devices are made, out of Debian 12's packages. An image's key is a digest of all files here."""

NAMES = ("phone", "phone-opencl", "machine")
