"""Runs as rows of a PostgreSQL database, through SQLAlchemy; the tables are made and changed by Alembic."""
