"""mixtune: small language models tuned for relation extraction, as one matrix of experiments."""
