"""MongoDB's filter language: JSON to a checked tree, the tree to SQL."""
