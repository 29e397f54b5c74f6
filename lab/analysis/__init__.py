"""Statistics and comparison over recorded runs."""
