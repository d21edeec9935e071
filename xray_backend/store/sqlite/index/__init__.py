"""The index over every field: blocks of documents, made by a process of its own, read by the queries."""
