"""How text is generated: llama.cpp in a child process, the client that talks to it, and the models that it loads.

Knows nothing of memories, agents' wording or screens. `llama_cpp` is imported in `llama.py` alone, which only the child
process loads.
"""
