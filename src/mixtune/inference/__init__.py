"""Prediction: prompts to labels."""
