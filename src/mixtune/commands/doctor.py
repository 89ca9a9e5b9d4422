"""`mixtune doctor`: checks of this machine and of the configured matrix, and estimates of time and disk."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .. import layout

if TYPE_CHECKING:
    from ..config.config import Config
    from ..runs.estimates import Rate

PROJECT = Path()


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "doctor",
        help="check whether the configured matrix can run here, and estimate its time and disk space",
        description="Checks device, packages, disk, memory, models, keys, benchmarks, hub and cluster. Estimates time "
        "and disk space from measurements of finished jobs. Exits with status 1 if the matrix cannot run.",
    )
    command.add_argument("--configfile", nargs="+", action="append", metavar="FILE", help="overlays, as for snakemake")
    command.add_argument("--profile", metavar="FOLDER", help="a profile, as for snakemake")
    command.set_defaults(function=doctor)


def doctor(args: argparse.Namespace) -> None:
    """Print all checks, the number of usable systems, and the estimates."""
    from ..config.overlays import load_files, of_option, read_profile, select
    from ..runs import machine_checks as machine
    from ..runs import matrix_checks as matrix
    from ..runs.estimates import estimate_disk, read_rates
    from ..runs.target_checks import check_targets, measure_adapters
    from ..terminal import console, table

    profile, sources = read_profile(args.profile)
    config = load_files(select([*sources, *of_option(args.configfile)]))
    probe, elsewhere = machine.run_probe(), "executor" in profile
    rates = [rate for rate in read_rates(PROJECT) if elsewhere or rate.device == probe.get("name")]
    adapters = measure_adapters(config, PROJECT)
    needed, unknown = estimate_disk(config, PROJECT, "cuda" if "problem" in probe else probe["device"], adapters)
    concurrent = int(profile.get("resources", {}).get("gpu", 1))
    checks = [
        *machine.check_device(probe, elsewhere),
        *machine.check_packages(),
        machine.check_disk(layout.SCRATCH if layout.SCRATCH.is_dir() else Path(), needed),
        machine.check_memory(max((rate.peak_rss for rate in rates), default=0), concurrent),
        *machine.check_slurm(profile),
        *matrix.check_hub(matrix.find_missing_repositories(config, PROJECT), matrix.list_revisions(config)),
        *matrix.check_models(config, PROJECT),
        *check_targets(config, adapters),
        *matrix.check_chat_templates(config, PROJECT),
        *matrix.check_frontier(config),
        *matrix.check_benchmarks(config, PROJECT),
    ]
    listing = table("", "check", "result")
    for check in checks:
        listing.add_row(check.state, check.subject, check.fact)
    out = console()
    out.print(listing)
    out.print(matrix.summarise_usable_systems(config, checks))
    for line in _describe_estimates(config, rates, unknown):
        out.print(line)
    failed = [check.subject for check in checks if check.state == machine.FAIL]
    if failed:
        out.print(f"the matrix cannot run as configured: {', '.join(failed)}")
        sys.exit(1)
    out.print("no problem found: the matrix can run")


def _describe_estimates(config: "Config", rates: list["Rate"], unknown: list[str]) -> list[str]:
    """Describe the estimated time and the limits of the estimates, in lines.

    Args:
        unknown: Models that the estimate of disk space does not include.
    """
    from ..config.matrix import systems
    from ..runs.estimates import TimeEstimate
    from ..runs.progress import OUTPUTS
    from ..terminal import age

    estimate, total, remaining, example = TimeEstimate(config, PROJECT, rates), 0.0, 0.0, None
    unmeasured: dict[str, set[int]] = {}
    for system in systems(config):
        for rule, seconds in (("finetune", estimate.finetune(system)), ("predict", estimate.predict(system))):
            if seconds is None:
                unmeasured.setdefault(f"{rule} of {system.model}", set()).add(system.shots)
                example = example or system
                continue
            total += seconds
            remaining += 0 if Path(layout.of_system(OUTPUTS[rule], str(system))).is_file() else seconds
    lines = []
    if total:
        lines.append(
            f"time: {age(total)} of one device, {age(remaining)} of it remaining, by the rates of finished jobs"
        )
    if unmeasured:
        jobs = (f"{job} ({', '.join(map(str, sorted(shots)))} shots)" for job, shots in sorted(unmeasured.items()))
        lines.append(f"time: not measured on this device: {'; '.join(jobs)}")
        lines.append(f"time: to measure, run one cell of each: snakemake … results/predictions/{example}/manifest.json")
    if unknown:
        lines.append(f"disk: adapters of {', '.join(unknown)} are not included: their layers are unknown")
    return [*lines, "disk: models, rendered rows and predictions are not included"]
