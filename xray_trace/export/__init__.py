"""A record becomes an event on the server: onto the disk first, then over HTTP."""
