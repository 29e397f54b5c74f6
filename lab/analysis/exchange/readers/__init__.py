"""Rows and reports of other programs to tests."""
