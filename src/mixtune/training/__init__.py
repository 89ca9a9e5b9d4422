"""Fine-tuning: rendered rows to adapters."""
