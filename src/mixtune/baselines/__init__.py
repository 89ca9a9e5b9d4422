"""Encoders, frontier models, trivial baselines and an upper bound."""
