"""Readers: one module per native format, one for tables of examples, and the parsing they share."""
