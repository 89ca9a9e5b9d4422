# Benchmarks from native files to splits, and mixtures of them.


rule fetch_benchmark:
    """Download a benchmark from the Hugging Face Hub, pinned to a commit."""
    output:
        manifest=layout.FETCHED,
    log:
        log_of("fetch_benchmark", "{benchmark}"),
    benchmark:
        runtime_of("fetch_benchmark", "{benchmark}")
    retries: 0
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        settings=settings("fetch_benchmark"),
    message:
        "Fetch {wildcards.benchmark} from the hub"
    shell:
        "python -m workflow.scripts.fetch_benchmark --settings {params.settings:q}"
        " --manifest {output.manifest} > {log} 2>&1"


rule prepare_benchmark:
    """Convert a benchmark to examples: read its files, split, check its labels, count."""
    input:
        lambda wildcards: inputs.of_benchmark(PLAN, wildcards.benchmark),
    output:
        splits=every(layout.BENCHMARK_FILE, file=["train.parquet", "validation.parquet", "test.parquet"]),
        reports=every(layout.BENCHMARK_FILE, file=["labels.json", "audit.json"]),
        manifest=layout.BENCHMARK,
    log:
        log_of("prepare_benchmark", "{benchmark}"),
    benchmark:
        runtime_of("prepare_benchmark", "{benchmark}")
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=settings("prepare_benchmark"),
    message:
        "Prepare {wildcards.benchmark}"
    shell:
        "python -m workflow.scripts.prepare_benchmark --settings {params.settings:q}"
        " --manifest {output.manifest} > {log} 2>&1"


rule gather_benchmarks:
    """Gather the manifests of all evaluated benchmarks: thousands of jobs depend on this one file."""
    input:
        every(layout.BENCHMARK, benchmark=MATRIX.benchmarks),
    output:
        gathered=layout.ALL_BENCHMARKS,
    log:
        log_of("gather_benchmarks"),
    benchmark:
        runtime_of("gather_benchmarks")
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    message:
        "Gather the benchmarks"
    shell:
        "python -m workflow.scripts.gather_benchmarks --benchmarks {input} --output {output.gathered} > {log} 2>&1"


rule build_mixture:
    """Sample the training and validation rows of a mixture."""
    input:
        mixture_benchmarks,
    output:
        splits=every(layout.MIXTURE_SPLIT, split=["train", "validation"]),
        manifest=layout.MIXTURE,
    log:
        log_of("build_mixture", "{draw}"),
    benchmark:
        runtime_of("build_mixture", "{draw}")
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        settings=settings("build_mixture"),
    message:
        "Build mixture {wildcards.draw}"
    shell:
        "python -m workflow.scripts.build_mixture --settings {params.settings:q}"
        " --benchmarks {input} --manifest {output.manifest} > {log} 2>&1"
