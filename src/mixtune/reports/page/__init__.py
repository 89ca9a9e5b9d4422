"""HTML page of the results: one file that needs no network."""
