"""One turn from key press to saved reply, and the durable queue that runs the Memory Manager afterwards.

Knows nothing of screens, command lines, SQL or llama.cpp: the bank and the agents are passed in.
"""
