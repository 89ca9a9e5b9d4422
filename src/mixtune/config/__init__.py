"""The configuration as typed models."""
