"""Metal without a Mac: everything of a Metal library that can be checked where it is compiled."""
