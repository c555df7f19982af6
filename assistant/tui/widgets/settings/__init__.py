"""What the Settings mode is made of."""
