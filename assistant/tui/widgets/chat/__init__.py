"""What the Chat mode is made of."""
