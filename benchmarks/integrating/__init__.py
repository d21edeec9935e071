"""What `integrations.py` measures: programs on a framework, untraced and with each tool, in turn."""
