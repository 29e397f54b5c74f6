"""Foundations: errors, configuration, file formats, locks. Standard library only."""
