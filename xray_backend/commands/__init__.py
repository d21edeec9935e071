"""What `xray-backend` does beside serving: one file a command. The formats are in docs/commands.md."""
