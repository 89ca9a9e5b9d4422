# How sure the scores are, and which differences are.


# Find the intervals of all scores of a series: with a job for each cell, planning would take a fifth longer.
rule intervals:
    input:
        predictions=lambda wildcards: manifests_of(SERIES[wildcards.series]),
        # Which they are of; and scores see to it that every condition was asked, which no manifest can know.
        scores=lambda wildcards: scores_of(SERIES[wildcards.series]),
        benchmarks="results/benchmarks/all.json",
    output:
        intervals="results/intervals/{series}.json",
    log:
        "logs/intervals/{series}.log",
    benchmark:
        "results/runtimes/intervals/{series}.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=interval_settings,
    message:
        "Find the intervals of {wildcards.series}"
    shell:
        "python -m workflow.scripts.intervals --settings {params.settings:q} --predictions {input.predictions}"
        " --benchmarks {input.benchmarks} --output {output.intervals} > {log} 2>&1"


# Test the differences between systems.
rule compare:
    input:
        predictions=manifests_of(COMPARED),
        scores=scores_of(COMPARED),
        benchmarks="results/benchmarks/all.json",
    output:
        **table_outputs(["comparisons"], "Scores"),
        markdown="reports/tables/comparisons.md",
        card="reports/tables/run_card_comparisons.json",
    log:
        "logs/compare.log",
    benchmark:
        "results/runtimes/compare.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=compare_settings,
    message:
        "Test the differences between systems"
    shell:
        "python -m workflow.scripts.compare --settings {params.settings:q} --predictions results/predictions"
        " --benchmarks {input.benchmarks} --table {output.comparisons} > {log} 2>&1"
