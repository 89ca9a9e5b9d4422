# Systems: prompts of the test rows, predictions, scores.


# Turn test rows into prompts for one tokenizer, for every condition and benchmark.
rule render_prompts:
    input:
        model="results/models/{model}/manifest.json",
        benchmarks="results/benchmarks/all.json",
    output:
        prompts=expand(
            "results/rendered/{{model}}/prompts/{{shots}}-shot/{condition}/{benchmark}.parquet",
            condition=PROMPTS,
            benchmark=MATRIX.benchmarks,
        ),
        manifest="results/rendered/{model}/prompts/{shots}-shot/manifest.json",
    log:
        "logs/render_prompts/{model}/{shots}-shot.log",
    benchmark:
        "results/runtimes/render_prompts/{model}/{shots}-shot.tsv"
    # Before the GPU jobs that are ready: these leave no room for one with many threads, and devices would idle.
    priority: 2
    conda:
        "../../envs/mixtune.yaml"
    threads: 4
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        settings=prompt_settings,
    message:
        "Render the test rows for {wildcards.model}, {wildcards.shots} shots"
    shell:
        "python -m workflow.scripts.render_prompts --settings {params.settings:q} --model {input.model}"
        " --benchmarks {input.benchmarks} --prompts {output.prompts} --threads {threads}"
        " --manifest {output.manifest} > {log} 2>&1"


# Ask one system every prompt: the base and its adapter are loaded once for all of them.
rule predict:
    input:
        model="results/models/{model}/manifest.json",
        adapter=adapter,
        prompts="results/rendered/{model}/prompts/{shots}-shot/manifest.json",
        # Not compared, only there: a condition more must render its prompts, which no manifest can know.
        rendered=ancient(
            one_a_condition(
                "results/rendered/{{model}}/prompts/{{shots}}-shot/{condition}/{benchmark}.parquet", PROMPTS
            )
        ),
        benchmarks="results/benchmarks/all.json",
    output:
        predictions=expand(
            "results/predictions/{{model}}/{{mixture}}/{{shots}}-shot/seed-{{seed}}/{condition}/{benchmark}.parquet",
            condition=MATRIX.conditions,
            benchmark=MATRIX.benchmarks,
        ),
        card="results/predictions/{model}/{mixture}/{shots}-shot/seed-{seed}/run_card.json",
        manifest="results/predictions/{model}/{mixture}/{shots}-shot/seed-{seed}/manifest.json",
    log:
        "logs/predict/{model}/{mixture}/{shots}-shot/seed-{seed}.log",
    benchmark:
        "results/runtimes/predict/{model}/{mixture}/{shots}-shot/seed-{seed}.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 2
    resources:
        gpu=1,
        # A job is alone on its device, or one of at most 2, 3, 4, 6 or 12.
        jobs_per_device=1,
        mem_mb=24000,
        runtime=1440,
    params:
        settings=predict_settings,
    message:
        "Ask {wildcards.model} ({wildcards.mixture}, {wildcards.shots} shots, seed {wildcards.seed})"
    shell:
        "python -m mixtune.devices --count {resources.gpu} --jobs-per-device {resources.jobs_per_device}"
        " -- python -m workflow.scripts.predict"
        " --settings {params.settings:q} --model {input.model} --adapter {input.adapter}"
        " --prompts {input.prompts} --benchmarks {input.benchmarks} --predictions {output.predictions}"
        " --threads {threads} --manifest {output.manifest} > {log} 2>&1"


# Score one system: every condition and benchmark.
rule score:
    input:
        predictions="results/predictions/{system}/manifest.json",
        answers=ancient(predictions),
        benchmarks="results/benchmarks/all.json",
    output:
        scores="results/scores/{system}.json",
    log:
        "logs/score/{system}.log",
    benchmark:
        "results/runtimes/score/{system}.tsv"
    wildcard_constraints:
        system=rf"[^/]+/[^/]+/\d+-shot/seed-\d+|{alternatives(BESIDES)}",
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=score_settings,
    message:
        "Score {wildcards.system}"
    shell:
        "python -m workflow.scripts.score --settings {params.settings:q} --predictions {input.predictions}"
        " --benchmarks {input.benchmarks} --output {output.scores} > {log} 2>&1"
