"""Base models and adapters: fetching, loading in NF4, merging."""
