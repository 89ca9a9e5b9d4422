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
        "python -m workflow.scripts.aggregate --settings {params.settings:q} --scores {input.scores}"
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


# Draw the matrix as a heat map.
rule plot_matrix:
    input:
        matrix="reports/tables/matrix.csv",
    output:
        png=report(
            "reports/figures/matrix.png",
            caption="../report/plot_matrix.rst",
            category="Figures",
            labels={"figure": "matrix", "format": "png"},
        ),
        pdf="reports/figures/matrix.pdf",
    log:
        "logs/plot_matrix.log",
    benchmark:
        "results/runtimes/plot_matrix.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=plot_matrix_settings,
    message:
        "Draw the matrix"
    shell:
        "python -m workflow.scripts.plot_matrix --settings {params.settings:q} --matrix {input.matrix}"
        " --output reports/figures/matrix > {log} 2>&1"


# Draw what demonstrations change.
rule plot_shots:
    input:
        matrix="reports/tables/matrix.csv",
    output:
        png=report(
            "reports/figures/shots.png",
            caption="../report/plot_shots.rst",
            category="Figures",
            labels={"figure": "shots", "format": "png"},
        ),
        pdf="reports/figures/shots.pdf",
    log:
        "logs/plot_shots.log",
    benchmark:
        "results/runtimes/plot_shots.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=plot_shots_settings,
    message:
        "Draw what demonstrations change"
    shell:
        "python -m workflow.scripts.plot_shots --settings {params.settings:q} --matrix {input.matrix}"
        " --output reports/figures/shots > {log} 2>&1"


# Draw the audit of the benchmarks.
rule plot_data:
    input:
        data="reports/tables/data.csv",
    output:
        png=report(
            "reports/figures/data.png",
            caption="../report/plot_data.rst",
            category="Figures",
            labels={"figure": "data", "format": "png"},
        ),
        pdf="reports/figures/data.pdf",
    log:
        "logs/plot_data.log",
    benchmark:
        "results/runtimes/plot_data.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=plot_data_settings,
    message:
        "Draw the audit of the benchmarks"
    shell:
        "python -m workflow.scripts.plot_data --settings {params.settings:q} --data {input.data}"
        " --output reports/figures/data > {log} 2>&1"


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
        logs=expand("results/adapters/{system}/training_log.csv", system=TUNED),
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
