"""What is done in the chat beside talking: with messages, with memories, with conversations, and by slash."""
