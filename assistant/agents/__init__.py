"""What the models are asked, and how their words become decisions. Pure: text in, decisions out.

Knows nothing of databases, llama.cpp or screens. Use and training import the same prompts, grammars and parsers from
here, because a single space between the two is enough to ruin a small model.
"""
