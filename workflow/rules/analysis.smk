# What scores mean: beside the paper's, where they come from, and what they cost.


# Put our scores beside those that the paper published.
rule compare_published:
    input:
        scores="reports/tables/scores.csv",
        intervals="reports/tables/intervals.csv",
        paper=["resources/paper/published_f1.csv", "resources/paper/published_averages.csv"],
    output:
        **table_outputs(["published"], "Scores"),
        markdown="reports/tables/published.md",
        card="reports/tables/run_card_published.json",
    log:
        "logs/compare_published.log",
    benchmark:
        "results/runtimes/compare_published.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=compare_published_settings,
    message:
        "Put our scores beside the paper's"
    shell:
        "python -m workflow.scripts.compare_published --settings {params.settings:q} --scores {input.scores}"
        " --intervals {input.intervals} --paper resources/paper --tables reports/tables > {log} 2>&1"


# Find out where systems go wrong: under a second for a cell of the paper, too little for a job of its own.
rule analyse_errors:
    input:
        scores=expand("results/scores/{system}.json", system=SYSTEMS),
        predictions=expand("results/predictions/{system}/manifest.json", system=SYSTEMS),
        benchmarks="results/benchmarks/all.json",
    output:
        **table_outputs(["confusion", "strata"], "Errors"),
        # In no report that is passed on: it holds texts, which some licences do not let pass.
        errors="reports/tables/errors.csv",
        markdown=expand("reports/tables/{table}.md", table=["confusion", "strata", "errors"]),
        card="reports/tables/run_card_errors.json",
    log:
        "logs/analyse_errors.log",
    benchmark:
        "results/runtimes/analyse_errors.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=analyse_errors_settings,
    message:
        "Look at the errors"
    shell:
        "python -m workflow.scripts.analyse_errors --settings {params.settings:q} --scores results/scores"
        " --predictions results/predictions --benchmarks {input.benchmarks}"
        " --tables reports/tables > {log} 2>&1"


# Put what systems cost beside their headline average.
rule compare_efficiency:
    input:
        matrix="reports/tables/matrix.csv",
        scores="reports/tables/scores.csv",
        models=expand("results/models/{model}/manifest.json", model=MATRIX.models),
        adapters=expand("results/adapters/{system}/manifest.json", system=TUNED),
        predictions=expand("results/predictions/{system}/run_card.json", system=WEIGHED),
    output:
        **table_outputs(["efficiency"], "Scores"),
        markdown="reports/tables/efficiency.md",
        card="reports/tables/run_card_efficiency.json",
    log:
        "logs/compare_efficiency.log",
    benchmark:
        "results/runtimes/compare_efficiency.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=compare_efficiency_settings,
    message:
        "Put costs beside scores"
    shell:
        "python -m workflow.scripts.compare_efficiency --settings {params.settings:q} --matrix {input.matrix}"
        " --scores {input.scores} --models {input.models} --adapters results/adapters"
        " --predictions results/predictions --tables reports/tables > {log} 2>&1"
