"""`mixtune audit`: audits of the files of benchmarks."""

import argparse
from pathlib import Path
from typing import cast

from ..artifacts.manifests import read_json
from ..errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "audit",
        help="audit the files of benchmarks: rows, labels, anomalies",
        description="Prints the audits of a run's benchmarks, or reads and audits files outside of a run.",
    )
    command.add_argument("benchmarks", nargs="*", metavar="BENCHMARK", help="names; default: all of the run")
    command.add_argument("--results", type=Path, default=Path("results/benchmarks"), help="default: %(default)s")
    command.add_argument("--path", type=Path, help="audit the files of this folder, which belong to the one BENCHMARK")
    command.add_argument("--expect", choices=("official", "any"), default="official", help="with --path")
    command.set_defaults(function=audit)


def audit(args: argparse.Namespace) -> None:
    """Print the audit of prepared benchmarks, or of a folder's files."""
    from ..data.formats import Audit
    from ..reports.tables.data import format_audit

    if args.path:
        from ..data.prepare_benchmark import prepare

        if len(args.benchmarks) != 1:
            raise UserError("--path needs exactly one benchmark, e.g. `mixtune audit conll04 --path data/conll04`")
        shares = {"validation": 0.1, "test": 0.2}
        prepared = prepare(args.benchmarks[0], args.path, shares=shares, seed=42, expect=args.expect)
        audits = [cast(Audit, prepared.audit)]
    else:
        files = [args.results / name / "audit.json" for name in args.benchmarks] or sorted(
            args.results.glob("*/audit.json")
        )
        missing = [str(file) for file in files if not file.is_file()] or ([] if files else [str(args.results)])
        if missing:
            raise UserError(f"audit not found: {', '.join(missing)}; run the workflow first, or give files with --path")
        audits = [read_json(file, Audit) for file in files]
    print("\n\n".join(map(format_audit, audits)))
