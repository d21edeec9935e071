"""`step` and `trace` in all their forms, on every kind of callable."""
