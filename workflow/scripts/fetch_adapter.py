"""Fetch a released adapter from the hub or a local folder."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mixtune.errors import run
from mixtune.models.fetch_adapter import fetch_adapter
from mixtune.models.settings import FetchAdapterSettings


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=FetchAdapterSettings.parse, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--pin", type=Path, required=True)
    args = parser.parse_args(argv)
    fetch_adapter(args.settings, args.manifest, args.pin)


if __name__ == "__main__":
    run(main)
