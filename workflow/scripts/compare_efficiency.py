"""Compare the costs of systems with their headline average."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.reports.settings import CompareEfficiencySettings
from mixtune.reports.tables.efficiency import compare_efficiency


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=CompareEfficiencySettings.parse, required=True)
    parser.add_argument("--matrix", type=Path, required=True, help="matrix.csv")
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--adapters", type=Path, required=True, help="folder of all adapters")
    parser.add_argument("--predictions", type=Path, required=True, help="folder of all systems' predictions")
    parser.add_argument("--tables", type=Path, required=True, help="folder")
    args = parser.parse_args(argv)
    compare_efficiency(
        args.settings, args.matrix, args.scores, args.models, args.adapters, args.predictions, args.tables
    )


if __name__ == "__main__":
    run(main)
