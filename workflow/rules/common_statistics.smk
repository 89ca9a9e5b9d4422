# Which systems have intervals and comparisons, and what these jobs depend on. No rules here.
from itertools import groupby

from mixtune.evaluation.pairing import pairs
from mixtune.evaluation.pairing import runs as runs_of

CONDITIONS = {system: asked(system) for system in SYSTEMS}


# What differs in nothing but the seed is an arm; those of a base model are a series, and of all else each is one.
def series(system):
    facts = SYSTEMS[system]
    return facts["model"] if facts["kind"] in ("cell", UNTUNED) else arm(system)


SERIES = {name: sorted(of, key=arm) for name, of in groupby(sorted(SYSTEMS, key=series), key=series)}


wildcard_constraints:
    series=alternatives(SERIES),


def compared():
    """The systems that stand in a comparison, in the order of SYSTEMS."""
    found = {
        run["system"]
        for comparison in CONFIG.statistics.pairings()
        for _, *pair in pairs(comparison, runs_of(CONDITIONS))
        for run in pair
    }
    return [system for system in SYSTEMS if system in found]


COMPARED = compared()


def manifests_of(systems):
    return [f"results/predictions/{system}/manifest.json" for system in systems]


def scores_of(systems):
    return [f"results/scores/{system}.json" for system in systems]


def sampling():
    """What all jobs that resample depend on."""
    return {
        "benchmarks": {name: CONFIG.domain(name) for name in MATRIX.benchmarks},
        "negatives": CONFIG.scoring.negatives,
        **CONFIG.statistics.model_dump(include={"resamples", "level", "cluster"}),
    }


def averaged(system):
    """The benchmarks that a system's overall average is over: of a cell, those of the domains it trains on."""
    facts = SYSTEMS[system]
    known = CONFIG.mixtures[facts["mixture"]].benchmarks if facts["kind"] == "cell" else MATRIX.benchmarks
    domains = {CONFIG.domain(name) for name in known}
    return [name for name in MATRIX.benchmarks if CONFIG.domain(name) in domains]


def interval_settings(wildcards):
    arms = []
    for name, of in groupby(SERIES[wildcards.series], key=arm):
        systems = list(of)
        facts = {"conditions": CONDITIONS[systems[0]], "overall": averaged(systems[0])}
        arms.append({"arm": name, "systems": systems, **facts})
    return canonical({"arms": arms, **sampling(), "code": code("intervals")})


def compare_settings(wildcards):
    families = {
        "comparisons": CONFIG.statistics.pairings(),
        "systems": {system: CONDITIONS[system] for system in COMPARED},
    }
    return canonical({**families, **sampling(), "code": code("compare")})
