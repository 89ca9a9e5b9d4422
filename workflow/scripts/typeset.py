"""Typeset tables in LaTeX, for papers."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.latex.typeset import typeset
from mixtune.reports.settings import TypesetSettings


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=TypesetSettings.parse, required=True)
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="CSV files")
    parser.add_argument("--output", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    typeset(args.settings, args.tables, args.output)


if __name__ == "__main__":
    run(main)
