# Base model x training mixture x shots, for relation extraction. README.md tells how to run it.
from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/common_statistics.smk"
include: "workflow/rules/common_adapters.smk"
include: "workflow/rules/common_analysis.smk"
include: "workflow/rules/common_papers.smk"
include: "workflow/rules/common_frontier.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/adapters.smk"


rule all:
    default_target: True
    input:
        rules.aggregate.output,
        rules.compare.output,
        rules.audit.output,
        expand(rules.plot.output, figure=FIGURES),
        rules.typeset.output,
        CARDS,
        rules.compare_published.output,
        rules.analyse_errors.output,
        rules.compare_efficiency.output,
        rules.page.output,
    localrule: True
