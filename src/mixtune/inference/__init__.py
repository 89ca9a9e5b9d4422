"""From prompts to labels."""
