# Cells: rendered training rows, then an adapter.


# Turn a mixture into token ids and label masks for one tokenizer.
rule render_training:
    input:
        model="results/models/{model}/manifest.json",
        mixture="results/mixtures/{mixture}/manifest.json",
        benchmarks=mixture_benchmarks,
    output:
        splits=expand(
            "results/rendered/{{model}}/training/{{mixture}}/{{shots}}-shot/{split}.parquet",
            split=["train", "validation"],
        ),
        manifest="results/rendered/{model}/training/{mixture}/{shots}-shot/manifest.json",
    log:
        "logs/render_training/{model}/{mixture}/{shots}-shot.log",
    benchmark:
        "results/runtimes/render_training/{model}/{mixture}/{shots}-shot.tsv"
    # Before the GPU jobs that are ready: these leave no room for one with many threads, and devices would idle.
    priority: 2
    conda:
        "../../envs/mixtune.yaml"
    threads: 4
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        settings=training_prompt_settings,
    message:
        "Render {wildcards.mixture} for {wildcards.model}, {wildcards.shots} shots"
    shell:
        "python -m workflow.scripts.render_training --settings {params.settings:q} --model {input.model}"
        " --mixture {input.mixture} --benchmarks {input.benchmarks} --threads {threads}"
        " --manifest {output.manifest} > {log} 2>&1"


# Tune one cell's adapter.
rule finetune:
    input:
        model="results/models/{model}/manifest.json",
        rendered="results/rendered/{model}/training/{mixture}/{shots}-shot/manifest.json",
    output:
        adapter=expand(
            "results/adapters/{{model}}/{{mixture}}/{{shots}}-shot/seed-{{seed}}/{file}",
            file=[
                "adapter_config.json",
                "adapter_model.safetensors",
                "tokenizer.json",
                "training_log.csv",
                "run_card.json",
            ],
        ),
        manifest="results/adapters/{model}/{mixture}/{shots}-shot/seed-{seed}/manifest.json",
    log:
        "logs/finetune/{model}/{mixture}/{shots}-shot/seed-{seed}.log",
    benchmark:
        "results/runtimes/finetune/{model}/{mixture}/{shots}-shot/seed-{seed}.tsv"
    # The longest jobs first: predictions then fill what is left, and no device idles at the end.
    priority: 1
    conda:
        "../../envs/mixtune.yaml"
    threads: 2
    resources:
        gpu=1,
        # A job is alone on its device, or one of at most 2, 3, 4, 6 or 12.
        jobs_per_device=1,
        mem_mb=24000,
        runtime=1440,
        micro_tokens=4096,
    params:
        settings=finetune_settings,
    message:
        "Tune {wildcards.model} on {wildcards.mixture}, {wildcards.shots} shots, seed {wildcards.seed}"
    shell:
        "python -m mixtune.devices --count {resources.gpu} --jobs-per-device {resources.jobs_per_device}"
        " -- python -m workflow.scripts.finetune"
        " --settings {params.settings:q} --model {input.model} --rendered {input.rendered}"
        " --micro-tokens {resources.micro_tokens} --threads {threads}"
        " --manifest {output.manifest} > {log} 2>&1"
