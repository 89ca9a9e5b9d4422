"""The lease of a device inside of real Slurm jobs."""

LEASE = "python -m mixtune.devices --count 1 -- env"
# Named as the rule to which profiles/slurm gives the partition of the GPUs.
SNAKEFILE = f"""\
rule finetune:
    output:
        "environment",
    resources:
        gpu=1,
        mem_mb=100,
        runtime=5,
    shell:
        "{LEASE} > {{output}} 2> messages"
"""


def test_the_device_of_a_step_is_not_leased(cluster, shipped, tmp_path):
    project = shipped.copy(tmp_path / "project")
    (project / "lease.smk").write_text(SNAKEFILE)
    locks = {"MIXTUNE_DEVICE": None, "MIXTUNE_LOCKS": str(tmp_path / "locks")}
    cluster.snakemake(project, "--snakefile", "lease.smk", **locks)
    (job,) = cluster.jobs(project)
    assert job.devices in ("0", "1")
    assert f"CUDA_VISIBLE_DEVICES={job.devices}\n" in (project / "environment").read_text()
    assert "leased" not in (project / "messages").read_text()
    assert not (tmp_path / "locks").exists()


def test_jobs_inside_a_batch_script_lease(cluster, tmp_path):
    output = tmp_path / "output"
    export = f"--export=ALL,MIXTUNE_LOCKS={tmp_path / 'locks'},MIXTUNE_DEVICE=cuda"
    cluster.run("sbatch", "--wait", "--gpus=1", f"--output={output}", export, "--wrap", LEASE)
    assert "mixtune: device 0" in output.read_text()
    assert "leased" in output.read_text()
