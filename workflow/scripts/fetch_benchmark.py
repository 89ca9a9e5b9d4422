"""Fetch a benchmark's copy from the hub, pinned to a commit."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mixtune.data.fetch_benchmark import fetch_benchmark
from mixtune.data.settings import FetchBenchmarkSettings
from mixtune.errors import run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=FetchBenchmarkSettings.parse, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    fetch_benchmark(args.settings, args.manifest)


if __name__ == "__main__":
    run(main)
