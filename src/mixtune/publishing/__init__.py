"""Cards, exported data sets, uploads."""
