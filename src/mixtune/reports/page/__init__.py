"""The page that people read: one HTML file with all tables, that opens from disk and asks nothing of a network."""
