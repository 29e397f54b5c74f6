"""Devices by ability: run, push, pull, facts."""
