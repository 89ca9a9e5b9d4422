"""Put all tables into one page that opens from disk."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.page.writing import write_page


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--tables", type=Path, nargs="+", required=True)
    parser.add_argument("--logs", type=Path, nargs="*", default=[], help="training logs of cells")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    write_page(args.settings, args.tables, args.logs, args.output)


if __name__ == "__main__":
    run(main)
