# Scores and their confidence intervals.


rule score:
    """Score one system under every condition and on every benchmark."""
    input:
        predictions=layout.PREDICTIONS,
        # Only their existence counts: a new condition must be predicted, which no manifest shows.
        answers=ancient(predictions),
        benchmarks=layout.ALL_BENCHMARKS,
    output:
        scores=layout.SCORES,
    log:
        log_of("score", "{system}"),
    benchmark:
        runtime_of("score", "{system}")
    wildcard_constraints:
        system=rf"{SHAPE}|{alternatives(PLAN.baselines)}",
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=settings("score"),
    message:
        "Score {wildcards.system}"
    shell:
        "python -m workflow.scripts.score --settings {params.settings:q} --predictions {input.predictions}"
        " --benchmarks {input.benchmarks} --output {output.scores} > {log} 2>&1"


rule intervals:
    """Bootstrap the confidence intervals of a series: per cell, planning would take a fifth longer."""
    input:
        predictions=lambda wildcards: every(layout.PREDICTIONS, system=PLAN.series[wildcards.series]),
        # Scores exist only if every condition was predicted, which no manifest shows.
        scores=lambda wildcards: every(layout.SCORES, system=PLAN.series[wildcards.series]),
        benchmarks=layout.ALL_BENCHMARKS,
    output:
        intervals=layout.INTERVALS,
    log:
        log_of("intervals", "{series}"),
    benchmark:
        runtime_of("intervals", "{series}")
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=settings("intervals"),
    message:
        "Bootstrap confidence intervals of {wildcards.series}"
    shell:
        "python -m workflow.scripts.intervals --settings {params.settings:q} --predictions {input.predictions}"
        " --benchmarks {input.benchmarks} --output {output.intervals} > {log} 2>&1"
