"""What the Memory mode is made of, its inbox and its timeline included."""
