"""Readers: a module for each native format."""
