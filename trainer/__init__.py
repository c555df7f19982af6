"""Trains the assistant's agents, and converts what was trained into files the assistant runs."""
