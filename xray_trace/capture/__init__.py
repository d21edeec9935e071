"""A value becomes an artifact: bound to its name, masked, summarised and encoded."""
