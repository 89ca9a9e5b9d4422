"""Files that are complete or absent: manifests, run cards, locks, the cache, verified downloads."""
