"""The REST API: one blueprint a resource; a view parses, calls one service and shapes the answer."""
