"""The port to the blob store, and its implementations beside it."""
