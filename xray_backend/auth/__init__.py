"""Who calls: accounts, API keys, permissions."""
