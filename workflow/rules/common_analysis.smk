# What the jobs depend on that compare scores with the paper's, look at errors, and weigh costs. No rules here.

# Systems whose costs are known: cells that are tuned here, and untuned models.
WEIGHED = [system for system, facts in SYSTEMS.items() if facts["kind"] == UNTUNED] + list(map(str, TUNED))


def compare_published_settings(wildcards):
    sample = [name for name in BENCHMARKS if CONFIG.benchmarks[name].origin == "sample"]  # trained on, too
    setup = {**report_setup(), "sample": sample}
    chosen = {"setup": setup, "negatives": CONFIG.scoring.negatives}
    return canonical({**chosen, "code": code("compare_published")})


def analyse_errors_settings(wildcards):
    chosen = {"setup": report_setup(), "limit": CONFIG.reports.errors}
    return canonical({**chosen, "systems": list(SYSTEMS), "code": code("analyse_errors")})


def compare_efficiency_settings(wildcards):
    chosen = {"setup": report_setup(), "systems": WEIGHED, "tuned": list(map(str, TUNED))}
    return canonical({**chosen, "code": code("compare_efficiency")})
