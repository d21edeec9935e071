"""The tools that are measured, one file a tool; each is imported in a process of its own."""
