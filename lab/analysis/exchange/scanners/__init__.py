"""Lines of files of unknown origin to rows and whole reports."""
