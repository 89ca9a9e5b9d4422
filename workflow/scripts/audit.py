"""Put what was counted in benchmarks, mixtures and rendered rows into tables."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.aggregate import write_audit


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--mixtures", type=Path, nargs="*", required=True, help="manifests")
    parser.add_argument("--rendered", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--tables", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    write_audit(args.settings, args.benchmarks, args.mixtures, args.rendered, args.tables)


if __name__ == "__main__":
    run(main)
