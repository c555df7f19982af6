"""Model files: which there are, what they say of themselves, where they come from. Runs none of them."""
