# Model cards, export of mixtures, and upload to the Hugging Face Hub.


rule card:
    """Write the model card of an adapter."""
    input:
        adapter=layout.ADAPTER,
        model=layout.MODEL,
        mixture=of_cell(inputs.drawn),
        scores=layout.of_system(layout.SCORES, PATH),
        citation="CITATION.cff",
    output:
        card=layout.ADAPTER_FILE.replace("{file}", "README.md"),
        notice=layout.ADAPTER_FILE.replace("{file}", "NOTICE"),
    log:
        log_of("card", PATH),
    benchmark:
        runtime_of("card", PATH)
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=settings("card"),
    message:
        f"Write the card of {CELL}"
    shell:
        "python -m workflow.scripts.card --settings {params.settings:q} --adapter {input.adapter}"
        " --model {input.model} --mixture {input.mixture} --scores {input.scores}"
        " --citation {input.citation} --output {output.card} > {log} 2>&1"


rule export_mixture:
    """Export a mixture as a folder that `datasets` loads, with its data-set card."""
    input:
        mixture=layout.MIXTURE.replace("{draw}", "{mixture}"),
        benchmarks=lambda wildcards: inputs.of_mixture(PLAN, wildcards.mixture),
    output:
        data=every(
            layout.EXPORT_DATA,
            split=["train", "eval", "test"],
            shots=MATRIX.shots,
        ),
        card=layout.EXPORT_CARD,
        manifest=layout.EXPORT,
    log:
        log_of("export_mixture", "{mixture}"),
    benchmark:
        runtime_of("export_mixture", "{mixture}")
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=settings("export_mixture"),
    message:
        "Export {wildcards.mixture}"
    shell:
        "python -m workflow.scripts.export_mixture --settings {params.settings:q}"
        " --mixture {input.mixture} --benchmarks {input.benchmarks}"
        " --manifest {output.manifest} > {log} 2>&1"


rule export_mixtures:
    """Export every mixture of the matrix."""
    input:
        every(layout.EXPORT, mixture=MATRIX.mixtures),
    localrule: True


rule publish:
    """Upload adapters and mixtures to the Hugging Face Hub, or list what would be uploaded."""
    input:
        adapters=[layout.of_system(layout.ADAPTER, cell) for cell in CONFIG.publish.adapters],
        cards=[
            layout.of_system(layout.ADAPTER_FILE, cell).format(file=file)
            for cell in CONFIG.publish.adapters
            for file in ["README.md", "NOTICE"]
        ],
        mixtures=every(layout.EXPORT, mixture=CONFIG.publish.mixtures),
    output:
        receipt=layout.RECEIPT,
    log:
        log_of("publish"),
    benchmark:
        runtime_of("publish")
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        settings=settings("publish", hash_code=False),
    message:
        "Publish adapters and mixtures"
    shell:
        "python -m workflow.scripts.publish --settings {params.settings:q} --adapters {input.adapters}"
        " --mixtures {input.mixtures} 2>&1 | tee {log} {output.receipt}"
