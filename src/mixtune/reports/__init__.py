"""Tables, LaTeX, figures and the page."""
