# Base model x training mixture x shots, for relation extraction. how to run it: README.md.
from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/hooks.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/inference.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/reports.smk"
include: "workflow/rules/publishing.smk"


rule all:
    """Make all tables, figures and the page."""
    default_target: True
    input:
        rules.aggregate.output,
        rules.compare.output,
        rules.audit.output,
        expand(rules.plot.output, figure=FIGURES),
        rules.typeset.output,
        [layout.of_system(layout.ADAPTER_FILE, cell).format(file="README.md") for cell in PLAN.tuned],
        rules.compare_published.output,
        rules.analyse_errors.output,
        rules.compare_efficiency.output,
        rules.page.output,
    localrule: True
