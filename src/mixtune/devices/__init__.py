"""Accelerators: which one, in which dtype, and the lease of it (`python -m mixtune.devices`)."""
