"""Draw a figure from tables and training logs."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.figures.plot import plot
from mixtune.reports.settings import PlotSettings


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=PlotSettings.parse, required=True)
    parser.add_argument("--tables", type=Path, nargs="*", default=[], help="CSV files")
    parser.add_argument("--logs", type=Path, nargs="*", default=[], help="training logs")
    parser.add_argument("--output", type=Path, required=True, help="path without suffix, for .png and .pdf")
    args = parser.parse_args(argv)
    plot(args.settings, args.tables, args.logs, args.output)


if __name__ == "__main__":
    run(main)
