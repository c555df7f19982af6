"""What the Training mode is made of."""
