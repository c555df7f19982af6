"""Where training dialogues come from."""
