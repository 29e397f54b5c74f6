"""Emulated devices that lab starts, waits for and ends."""
