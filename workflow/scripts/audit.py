"""Write the tables of the data: benchmarks, mixtures, overlap and lengths."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.audit import audit
from mixtune.reports.settings import AuditSettings


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=AuditSettings.parse, required=True)
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--mixtures", type=Path, nargs="*", required=True, help="manifests")
    parser.add_argument("--rendered", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--tables", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    audit(args.settings, args.benchmarks, args.mixtures, args.rendered, args.tables)


if __name__ == "__main__":
    run(main)
