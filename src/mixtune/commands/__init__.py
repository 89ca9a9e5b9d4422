"""The commands of `mixtune`, one module each."""
