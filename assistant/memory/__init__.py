"""What is remembered: the bank, its journal with undo, search, the queue of work to do, and forgetting.

Every word of SQL stands in this package. Knows nothing of prompts, of llama.cpp or of screens; whatever turns text into
vectors is passed in.
"""
