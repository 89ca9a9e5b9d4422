"""Figures for print: a module each, with `draw(tables, setup)`, and one style for all of them."""
