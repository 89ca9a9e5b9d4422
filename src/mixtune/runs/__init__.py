"""Runs of the workflow: Snakemake's records, code hashes, provenance, progress, estimates, checks."""
