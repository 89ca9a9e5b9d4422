"""Write all tables and charts as one self-contained HTML page."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.page.page import page
from mixtune.reports.settings import PageSettings


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=PageSettings.parse, required=True)
    parser.add_argument("--tables", type=Path, nargs="+", required=True)
    parser.add_argument("--logs", type=Path, nargs="*", default=[], help="training logs")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    page(args.settings, args.tables, args.logs, args.output)


if __name__ == "__main__":
    run(main)
