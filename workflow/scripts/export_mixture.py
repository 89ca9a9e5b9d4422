"""Export a mixture as a data set that `datasets` loads, with its data-set card."""

import argparse
from pathlib import Path

from mixtune.errors import run
from mixtune.publishing.export_mixture import export_mixture
from mixtune.publishing.settings import ExportMixtureSettings


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=ExportMixtureSettings.parse, required=True)
    parser.add_argument("--mixture", type=Path, required=True, help="manifest")
    parser.add_argument("--benchmarks", type=Path, nargs="+", required=True, help="manifests")
    parser.add_argument("--manifest", type=Path, required=True)
    args = parser.parse_args(argv)
    export_mixture(args.settings, args.mixture, args.benchmarks, args.manifest)


if __name__ == "__main__":
    run(main)
