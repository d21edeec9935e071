"""The X-Ray server: takes in events, keeps them, and answers queries about them."""
