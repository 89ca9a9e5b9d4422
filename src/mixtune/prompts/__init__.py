"""Prompts: examples as messages, token ids and label masks."""
