"""Recollect: a private assistant for the terminal that remembers, and learns what to remember."""

__version__ = "0.1.0"
