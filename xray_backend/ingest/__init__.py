"""From a request to stored events: wire, bus, processor."""
