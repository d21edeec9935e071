"""Opens and closes traces and steps, and hands what was recorded to a sink."""
