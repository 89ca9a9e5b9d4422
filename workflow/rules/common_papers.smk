# Which figures and tables for papers there are, and what they depend on. No rules here.

FIGURES = {
    "matrix": ["matrix"],
    "shots": ["matrix"],
    "scaling": ["matrix"],
    "domains": ["matrix", "transfer"],
    "benchmarks": ["intervals"],
    "published": ["published"],
    "data": ["data"],
    "training": [],
}
LOGS = [f"results/adapters/{system}/training_log.csv" for system in TUNED]


wildcard_constraints:
    figure=alternatives(FIGURES),


def plot_settings(wildcards):
    name = wildcards.figure
    return canonical(
        {"figure": name, "setup": report_setup(), "code": code("plot", f"mixtune.reports.figures.{name}")}
    )


# Tables as LaTeX.
PAPERS = ["matrix", "averages", "transfer", "comparisons", "published", "efficiency", "data"]


def typeset_settings(wildcards):
    return canonical({"setup": report_setup(), "code": code("typeset")})
