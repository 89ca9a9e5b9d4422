"""Draw a mixture's training and validation rows."""

import argparse
import json
from pathlib import Path

from mixtune.data.build_mixture import build
from mixtune.errors import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    build(args.settings, [path.parent for path in args.benchmarks], args.manifest.parent)


if __name__ == "__main__":
    run(main)
