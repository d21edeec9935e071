"""The store in MongoDB, for many machines."""
