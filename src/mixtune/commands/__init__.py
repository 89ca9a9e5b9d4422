"""Subcommands of `mixtune`, one module per command: its arguments and its function."""
