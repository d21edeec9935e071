"""The rows of `benchmarks/backend.py`."""
