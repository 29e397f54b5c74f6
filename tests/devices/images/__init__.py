"""How the emulated devices are made: `python -m tests.devices.images phone|machine|all`, as root, on Debian 12."""
