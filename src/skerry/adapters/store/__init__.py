"""A manager's store: SQLAlchemy over SQLite by default, over PostgreSQL by URL; its schema is moved on by Alembic."""
