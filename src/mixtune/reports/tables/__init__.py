"""The tables of reports/tables."""
