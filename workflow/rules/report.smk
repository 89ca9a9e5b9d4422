# What people read.

SCORE_TABLES = ["matrix", "transfer", "scores", "per_class", "intervals"]
DATA_TABLES = ["data", "mixtures", "overlap", "lengths"]


# Put all scores into tables.
rule aggregate:
    input:
        scores=expand("results/scores/{system}.json", system=SYSTEMS),
        intervals=expand("results/intervals/{series}.json", series=SERIES),
    output:
        **table_outputs(SCORE_TABLES, "Scores"),
        markdown=expand("reports/tables/{table}.md", table=SCORE_TABLES),
        readme="reports/README.md",
        card="reports/tables/run_card.json",
    log:
        "logs/aggregate.log",
    benchmark:
        "results/runtimes/aggregate.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=aggregate_settings,
    message:
        "Put all scores into tables"
    shell:
        "python -m workflow.scripts.aggregate --settings {params.settings:q} --scores results/scores"
        " --intervals {input.intervals} --readme {output.readme} > {log} 2>&1"


# Put what was counted in benchmarks, mixtures and rendered rows into tables.
rule audit:
    input:
        benchmarks=expand("results/benchmarks/{benchmark}/manifest.json", benchmark=BENCHMARKS),
        mixtures=expand("results/mixtures/{mixture}/manifest.json", mixture=MIXTURES),
        rendered=RENDERED,
    output:
        **table_outputs(DATA_TABLES, "Data"),
        markdown=expand("reports/tables/{table}.md", table=DATA_TABLES),
        card="reports/tables/run_card_data.json",
    log:
        "logs/audit.log",
    benchmark:
        "results/runtimes/audit.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=30,
    params:
        settings=audit_settings,
    message:
        "Put the audit of the data into tables"
    shell:
        "python -m workflow.scripts.audit --settings {params.settings:q} --benchmarks {input.benchmarks}"
        " --mixtures {input.mixtures} --rendered {input.rendered} --tables reports/tables > {log} 2>&1"


# Draw a figure.
rule plot:
    input:
        tables=lambda wildcards: [f"reports/tables/{table}.csv" for table in FIGURES[wildcards.figure]],
        logs=lambda wildcards: LOGS if wildcards.figure == "training" else [],
    output:
        **{
            ending: report(
                f"reports/figures/{{figure}}.{ending}",
                caption="../report/figures.rst",
                category="Figures",
                labels={"figure": "{figure}", "format": ending},
            )
            for ending in ["png", "pdf"]
        },
    log:
        "logs/plot/{figure}.log",
    benchmark:
        "results/runtimes/plot/{figure}.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=plot_settings,
    message:
        "Draw {wildcards.figure}"
    shell:
        "python -m workflow.scripts.plot --settings {params.settings:q} --tables {input.tables} --logs {input.logs}"
        " --output reports/figures/{wildcards.figure} > {log} 2>&1"


# Put tables into LaTeX, for papers.
rule typeset:
    input:
        tables=expand(
            "reports/tables/{table}.csv",
            table=["matrix", "transfer", "intervals", "comparisons", "published", "efficiency", "data"],
        ),
    output:
        expand("reports/tables/{paper}.tex", paper=PAPERS),
        document="reports/tables/tables.tex",
    log:
        "logs/typeset.log",
    benchmark:
        "results/runtimes/typeset.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=typeset_settings,
    message:
        "Put tables into LaTeX"
    shell:
        "python -m workflow.scripts.typeset --settings {params.settings:q} --tables {input.tables}"
        " --output reports/tables > {log} 2>&1"


# Put all tables into one page that opens from disk.
rule page:
    input:
        # What is not among them, the page names as missing. Of errors it shows texts: some licences do not let
        # these be passed on.
        tables=expand(
            "reports/tables/{table}.csv",
            table=[
                *SCORE_TABLES,
                *DATA_TABLES,
                "comparisons",
                "published",
                "confusion",
                "strata",
                "errors",
                "efficiency",
            ],
        ),
        logs=LOGS,
    output:
        page="reports/index.html",
    log:
        "logs/page.log",
    benchmark:
        "results/runtimes/page.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=page_settings,
    message:
        "Put all tables into one page"
    shell:
        "python -m workflow.scripts.page --settings {params.settings:q} --tables {input.tables}"
        " --logs {input.logs} --output {output.page} > {log} 2>&1"
