"""The port to the database, and its implementations in folders beside it."""
