"""What the Models mode is made of."""
