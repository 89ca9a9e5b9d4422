"""Figures for print: one module per figure, with `draw(tables, setup)`, and one style for all."""
