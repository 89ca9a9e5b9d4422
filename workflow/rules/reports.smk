# Reports: tables, figures, LaTeX and the HTML page.


rule aggregate:
    """Aggregate all scores into tables."""
    input:
        scores=every(layout.SCORES, system=PLAN.systems),
        intervals=every(layout.INTERVALS, series=PLAN.series),
    output:
        **reported(SCORE_TABLES, "Scores"),
        markdown=tables(SCORE_TABLES, "md"),
        readme=layout.README,
        card=card_of(),
    log:
        log_of("aggregate"),
    benchmark:
        runtime_of("aggregate")
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=settings("aggregate"),
    message:
        "Aggregate all scores into tables"
    shell:
        "python -m workflow.scripts.aggregate --settings {params.settings:q} --scores results/scores"
        " --intervals {input.intervals} --readme {output.readme} > {log} 2>&1"


rule audit:
    """Tabulate the audit of benchmarks, mixtures and rendered rows."""
    input:
        benchmarks=every(layout.BENCHMARK, benchmark=PLAN.prepared),
        mixtures=every(layout.MIXTURE, draw=PLAN.drawn),
        rendered=PLAN.rendered,
    output:
        **reported(DATA_TABLES, "Data"),
        markdown=tables(DATA_TABLES, "md"),
        card=card_of("data"),
    log:
        log_of("audit"),
    benchmark:
        runtime_of("audit")
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=30,
    params:
        settings=settings("audit"),
    message:
        "Tabulate the audit of the data"
    shell:
        "python -m workflow.scripts.audit --settings {params.settings:q} --benchmarks {input.benchmarks}"
        " --mixtures {input.mixtures} --rendered {input.rendered} --tables reports/tables > {log} 2>&1"


rule compare:
    """Test the differences between systems: paired, with Holm correction."""
    input:
        predictions=every(layout.PREDICTIONS, system=PLAN.compared),
        scores=every(layout.SCORES, system=PLAN.compared),
        benchmarks=layout.ALL_BENCHMARKS,
    output:
        **reported(["comparisons"], "Scores"),
        markdown=tables(["comparisons"], "md"),
        card=card_of("comparisons"),
    log:
        log_of("compare"),
    benchmark:
        runtime_of("compare")
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=settings("compare"),
    message:
        "Test the differences between systems"
    shell:
        "python -m workflow.scripts.compare --settings {params.settings:q} --predictions results/predictions"
        " --benchmarks {input.benchmarks} --table {output.comparisons} > {log} 2>&1"


rule compare_published:
    """Compare our scores with the published ones."""
    input:
        scores=tables(["scores"]),
        intervals=tables(["intervals"]),
        paper=["resources/paper/published_f1.csv", "resources/paper/published_averages.csv"],
    output:
        **reported(["published"], "Scores"),
        markdown=tables(["published"], "md"),
        card=card_of("published"),
    log:
        log_of("compare_published"),
    benchmark:
        runtime_of("compare_published")
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=settings("compare_published"),
    message:
        "Compare our scores with the published ones"
    shell:
        "python -m workflow.scripts.compare_published --settings {params.settings:q} --scores {input.scores}"
        " --intervals {input.intervals} --paper resources/paper --tables reports/tables > {log} 2>&1"


rule analyse_errors:
    """Analyse the prediction errors of all systems: under a second for a cell of the paper."""
    input:
        scores=every(layout.SCORES, system=PLAN.systems),
        predictions=every(layout.PREDICTIONS, system=PLAN.systems),
        benchmarks=layout.ALL_BENCHMARKS,
    output:
        **reported(["confusion", "strata"], "Errors"),
        # In no report that is passed on: it quotes texts, which some licences forbid to redistribute.
        errors=layout.TABLE.format(table="errors", ending="csv"),
        markdown=tables(ERROR_TABLES, "md"),
        card=card_of("errors"),
    log:
        log_of("analyse_errors"),
    benchmark:
        runtime_of("analyse_errors")
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=settings("analyse_errors"),
    message:
        "Analyse prediction errors"
    shell:
        "python -m workflow.scripts.analyse_errors --settings {params.settings:q} --scores results/scores"
        " --predictions results/predictions --benchmarks {input.benchmarks}"
        " --tables reports/tables > {log} 2>&1"


rule compare_efficiency:
    """Tabulate the cost of systems with their headline average."""
    input:
        matrix=tables(["matrix"]),
        scores=tables(["scores"]),
        models=every(layout.MODEL, model=MATRIX.models),
        adapters=[layout.of_system(layout.ADAPTER, cell) for cell in PLAN.tuned],
        predictions=every(layout.PREDICTION_CARD, system=PLAN.with_costs),
    output:
        **reported(["efficiency"], "Scores"),
        markdown=tables(["efficiency"], "md"),
        card=card_of("efficiency"),
    log:
        log_of("compare_efficiency"),
    benchmark:
        runtime_of("compare_efficiency")
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=settings("compare_efficiency"),
    message:
        "Tabulate costs and scores"
    shell:
        "python -m workflow.scripts.compare_efficiency --settings {params.settings:q} --matrix {input.matrix}"
        " --scores {input.scores} --models {input.models} --adapters results/adapters"
        " --predictions results/predictions --tables reports/tables > {log} 2>&1"


LOGS = [layout.of_system(layout.ADAPTER_FILE, cell).format(file="training_log.csv") for cell in PLAN.tuned]


rule plot:
    """Plot a figure as PNG and PDF."""
    input:
        tables=lambda wildcards: tables(FIGURES[wildcards.figure]),
        logs=lambda wildcards: LOGS if wildcards.figure == "training" else [],
    output:
        **{
            ending: report(
                layout.FIGURE.format(figure="{figure}", ending=ending),
                caption="../report/figures.rst",
                category="Figures",
                labels={"figure": "{figure}", "format": ending},
            )
            for ending in ["png", "pdf"]
        },
    log:
        log_of("plot", "{figure}"),
    benchmark:
        runtime_of("plot", "{figure}")
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=settings("plot"),
    message:
        "Plot {wildcards.figure}"
    shell:
        "python -m workflow.scripts.plot --settings {params.settings:q} --tables {input.tables} --logs {input.logs}"
        " --output reports/figures/{wildcards.figure} > {log} 2>&1"


rule typeset:
    """Typeset tables in LaTeX, for papers."""
    input:
        tables=tables(["matrix", "transfer", "intervals", "comparisons", "published", "efficiency", "data"]),
    output:
        tables(PAPER_TABLES, "tex"),
        document=layout.TABLE.format(table="tables", ending="tex"),
    log:
        log_of("typeset"),
    benchmark:
        runtime_of("typeset")
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=settings("typeset"),
    message:
        "Typeset tables in LaTeX"
    shell:
        "python -m workflow.scripts.typeset --settings {params.settings:q} --tables {input.tables}"
        " --output reports/tables > {log} 2>&1"


rule page:
    """Write the HTML page: all tables in one file that opens from disk."""
    input:
        # The page names tables that are missing. It quotes texts of errors, which some licences forbid to redistribute.
        tables=tables([*SCORE_TABLES, *DATA_TABLES, "comparisons", "published", *ERROR_TABLES, "efficiency"]),
        logs=LOGS,
    output:
        page=layout.PAGE,
    log:
        log_of("page"),
    benchmark:
        runtime_of("page")
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=settings("page"),
    message:
        "Write the HTML page"
    shell:
        "python -m workflow.scripts.page --settings {params.settings:q} --tables {input.tables}"
        " --logs {input.logs} --output {output.page} > {log} 2>&1"
