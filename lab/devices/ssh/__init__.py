"""Hosts that answer ssh."""
