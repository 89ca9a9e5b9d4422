"""Model cards, exported data sets, uploads."""
