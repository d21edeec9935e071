"""What the server does for its callers, one noun a file; knows nothing of HTTP."""
