"""Renderers: records in, tables and progress out."""
