"""Phones: the adb-shell package behind a layer that mends it, and the adb program."""
