"""The history of a store as columns: one point is one session's value of one metric of one cell."""
