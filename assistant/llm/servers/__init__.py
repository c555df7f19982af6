"""Any server that speaks OpenAI's chat completions, as the engine of an agent. Connects when it is asked something."""
