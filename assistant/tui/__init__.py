"""The assistant in a terminal: the only importer of Textual.

Knows nothing of SQL, prompts or llama.cpp. What opens the bank and starts the model is passed in.
"""
