"""From rendered rows to an adapter."""
