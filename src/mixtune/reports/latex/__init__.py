"""Tables in LaTeX, for papers."""
