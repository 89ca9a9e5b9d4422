"""Write a mixture as a folder that `datasets` loads, with its data-set card."""

import argparse
import json
from pathlib import Path

from mixtune.errors import run
from mixtune.publishing.export_mixture import export


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--mixture", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    benchmarks = [path.parent for path in args.benchmarks]
    export(args.settings, args.mixture.parent, benchmarks, args.manifest.parent)


if __name__ == "__main__":
    run(main)
