"""Upload adapters and exported mixtures to the hub, or list the files in a dry run."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.publishing.publish import publish
from mixtune.publishing.settings import PublishSettings


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=PublishSettings.parse, required=True)
    parser.add_argument("--adapters", type=Path, nargs="*", required=True, help="manifests")
    parser.add_argument("--mixtures", type=Path, nargs="*", required=True, help="manifests of exports")
    args = parser.parse_args(argv)
    publish(args.settings, args.adapters, args.mixtures)


if __name__ == "__main__":
    run(main)
