"""Gather the manifests of the benchmarks that all systems are evaluated on."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mixtune.data.gather_benchmarks import gather_benchmarks
from mixtune.errors import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    gather_benchmarks(args.benchmarks, args.output)


if __name__ == "__main__":
    run(main)
