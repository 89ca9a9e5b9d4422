"""Build a mixture: sample its training and validation rows."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mixtune.data.build_mixture import build_mixture
from mixtune.data.settings import BuildMixtureSettings
from mixtune.errors import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=BuildMixtureSettings.parse, required=True)
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    build_mixture(args.settings, args.benchmarks, args.manifest)


if __name__ == "__main__":
    run(main)
