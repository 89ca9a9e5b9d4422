"""Files that are whole or absent: manifests, run cards, locks, the cache, verified downloads."""
