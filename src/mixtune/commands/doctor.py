"""`mixtune doctor`: whether the configured matrix can run here, and what it will take."""

import argparse
import sys
from pathlib import Path
from typing import Any

RESULTS = Path("results")


def add(commands: Any) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "doctor",
        help="whether the configured matrix can run here, and what it will take",
        description="Checks device, packages, disk, memory, models, keys, benchmarks, hub and cluster. Estimates time "
        "and disk from what finished jobs measured. Ends with status 1 where the matrix cannot run.",
    )
    command.add_argument("--configfile", type=Path, nargs="+", metavar="FILE", help="overlays, as for snakemake")
    command.add_argument("--profile", type=Path, metavar="FOLDER", help="a profile, as for snakemake")
    command.set_defaults(function=doctor)


def doctor(args: argparse.Namespace) -> None:
    """Print all checks, what will work and what not, and the estimates."""
    from ..config.overlays import load_files, read_profile
    from ..runs import machine_checks as machine
    from ..runs import matrix_checks as matrix
    from ..runs.estimates import disk, rates
    from ..terminal import console, table

    profile, overlays = read_profile(args.profile)
    config = load_files(args.configfile or overlays)
    found, elsewhere = machine.probed(), "executor" in profile
    here = [rate for rate in rates(RESULTS) if elsewhere or rate.device == found.get("name")]
    needed, unknown = disk(config, RESULTS, found.get("device", "cuda"))
    side_by_side = int(profile.get("resources", {}).get("gpu", 1))
    checks = [
        *machine.device(found, elsewhere),
        *machine.packages(),
        machine.disk(Path("scratch") if Path("scratch").is_dir() else Path(), needed),
        machine.memory(max((rate.peak_rss for rate in here), default=0), side_by_side),
        *machine.slurm(profile),
        *matrix.hub(matrix.to_fetch(config, RESULTS)),
        *matrix.models(config, RESULTS),
        *matrix.frontier(config),
        *matrix.benchmarks(config, RESULTS),
    ]
    shown = table("", "what", "found")
    for check in checks:
        shown.add_row(check.state, check.what, check.fact)
    out = console()
    out.print(shown)
    out.print(matrix.usable(config, checks))
    for line in _estimates(config, here, unknown):
        out.print(line)
    failed = [check.what for check in checks if check.state == machine.FAIL]
    if failed:
        out.print(f"the matrix cannot run as configured: {', '.join(failed)}")
        sys.exit(1)
    out.print("nothing stands in the way of the matrix")


def _estimates(config: Any, here: list[Any], unknown: list[str]) -> list[str]:
    """What the matrix will take, as far as it has been measured."""
    from ..config.matrix import systems
    from ..runs.estimates import Estimate
    from ..runs.progress import OUTPUTS
    from ..terminal import age

    estimate, total, left, unmeasured, example = Estimate(config, RESULTS, here), 0.0, 0.0, {}, None
    for system in systems(config):
        for rule, seconds in (("finetune", estimate.finetune(system)), ("predict", estimate.predict(system))):
            if seconds is None:
                unmeasured.setdefault(f"{rule} of {system.model}", set()).add(system.shots)
                example = example or system
                continue
            total += seconds
            left += 0 if Path(OUTPUTS[rule].format(system)).is_file() else seconds
    lines = []
    if total:
        lines.append(f"time: {age(total)} of one device, {age(left)} of it to come, by the rates of finished jobs")
    if unmeasured:
        what = (f"{job} ({', '.join(map(str, sorted(shots)))} shots)" for job, shots in sorted(unmeasured.items()))
        lines.append(f"time: not measured on this device: {'; '.join(what)}")
        lines.append(f"time: to measure, run a cell of each: snakemake … results/predictions/{example}/manifest.json")
    if unknown:
        lines.append(f"disk: adapters of {', '.join(unknown)} are not in the estimate until the models are fetched")
    return [*lines, "disk: models, rendered rows and predictions are in no estimate"]
