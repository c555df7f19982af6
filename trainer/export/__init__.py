"""From a checkpoint to the files that llama.cpp runs."""
