# What people read.

TABLES = ["matrix", "transfer", "scores", "per_class", "data", "mixtures"]


# Put all scores into tables.
rule aggregate:
    input:
        scores=expand("results/scores/{system}.json", system=SYSTEMS),
        benchmarks=expand("results/benchmarks/{benchmark}/manifest.json", benchmark=MATRIX.benchmarks),
        mixtures=expand("results/mixtures/{mixture}/manifest.json", mixture=MATRIX.mixtures),
    output:
        **{
            table: report(
                f"reports/tables/{table}.csv",
                caption=f"../report/{table}.rst",
                category="Tables",
                labels={"table": table},
            )
            for table in TABLES
        },
        markdown=expand("reports/tables/{table}.md", table=TABLES),
        readme="reports/README.md",
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
        " --benchmarks {input.benchmarks} --mixtures {input.mixtures}"
        " --readme {output.readme} > {log} 2>&1"


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
