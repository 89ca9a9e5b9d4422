"""Accelerators: choice of device and dtype, and leases (`python -m mixtune.devices`)."""
