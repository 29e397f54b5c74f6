"""`lab compare` for people: the page, its tables, its bars, and the same as Markdown."""
