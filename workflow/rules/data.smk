# Benchmarks from their files to splits, and mixtures of them.


# Download a benchmark's copy from the hub, pinned to a commit.
rule fetch_benchmark:
    output:
        manifest="results/fetched/{benchmark}/manifest.json",
    log:
        "logs/fetch_benchmark/{benchmark}.log",
    benchmark:
        "results/runtimes/fetch_benchmark/{benchmark}.tsv"
    retries: 0
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        settings=fetched_benchmark_settings,
    message:
        "Fetch {wildcards.benchmark} from the hub"
    shell:
        "python -m workflow.scripts.fetch_benchmark --settings {params.settings:q}"
        " --manifest {output.manifest} > {log} 2>&1"


# Read a benchmark's files, carve missing splits, fix its labels, count what was seen.
rule prepare_benchmark:
    input:
        benchmark_files,
    output:
        splits=expand(
            "results/benchmarks/{{benchmark}}/{split}.parquet",
            split=["train", "validation", "test"],
        ),
        labels="results/benchmarks/{benchmark}/labels.json",
        audit="results/benchmarks/{benchmark}/audit.json",
        manifest="results/benchmarks/{benchmark}/manifest.json",
    log:
        "logs/prepare_benchmark/{benchmark}.log",
    benchmark:
        "results/runtimes/prepare_benchmark/{benchmark}.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=benchmark_settings,
    message:
        "Prepare {wildcards.benchmark}"
    shell:
        "python -m workflow.scripts.prepare_benchmark --settings {params.settings:q}"
        " --manifest {output.manifest} > {log} 2>&1"


# Gather the manifests of the benchmarks that all systems are evaluated on: thousands of jobs depend on this one file.
rule gather_benchmarks:
    input:
        expand("results/benchmarks/{benchmark}/manifest.json", benchmark=MATRIX.benchmarks),
    output:
        gathered="results/benchmarks/all.json",
    log:
        "logs/gather_benchmarks.log",
    benchmark:
        "results/runtimes/gather_benchmarks.tsv"
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


# Draw a mixture's training and validation rows.
rule build_mixture:
    input:
        mixture_benchmarks,
    output:
        splits=expand("results/mixtures/{{mixture}}/{split}.parquet", split=["train", "validation"]),
        manifest="results/mixtures/{mixture}/manifest.json",
    log:
        "logs/build_mixture/{mixture}.log",
    benchmark:
        "results/runtimes/build_mixture/{mixture}.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        settings=mixture_settings,
    message:
        "Mix {wildcards.mixture}"
    shell:
        "python -m workflow.scripts.build_mixture --settings {params.settings:q}"
        " --benchmarks {input} --manifest {output.manifest} > {log} 2>&1"
