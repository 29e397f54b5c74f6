"""From what a dashboard says and the history of a store to plain rows that any view can draw."""
