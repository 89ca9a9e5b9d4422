"""Prepare a benchmark: read its files, carve missing splits, fix its labels, audit the result."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mixtune.data.prepare_benchmark import prepare_benchmark
from mixtune.data.settings import PrepareBenchmarkSettings
from mixtune.errors import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=PrepareBenchmarkSettings.parse, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    prepare_benchmark(args.settings, args.manifest)


if __name__ == "__main__":
    run(main)
