"""From examples to token ids and label masks."""
