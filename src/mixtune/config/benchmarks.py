"""Sections for benchmarks, their files and splits, and training mixtures."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from .section import Hub, Licence, Rows, Section, Share, Slug


class HubData(Hub):
    """A data set on the hub."""

    config: str = Field("", description="Config name of the data set, if it has several.")


class Columns(Section):
    """Column names of the files, by the names used here; in JSON, dots separate nested keys and indices."""

    text: str | None = Field(None, description="The text.")
    tokens: str | None = Field(None, description="Its list of tokens, in place of the text; offsets count tokens.")
    relation: str = Field(description="The label.")
    head: str | None = Field(None, description="The head's mention.")
    tail: str | None = Field(None, description="The tail's mention.")
    head_start: str | None = Field(None, description="Offset of the head's first character; -1: not in the text.")
    head_end: str | None = Field(
        None, description="Offset after the head's last character; by the mention's length, if no end has a column."
    )
    tail_start: str | None = Field(None, description="Offset of the tail's first character.")
    tail_end: str | None = Field(None, description="Offset after the tail's last character.")
    head_span: str | None = Field(
        None, description="The head's [start, end], end exclusive; of tokens also [[index, ...]], as in FewRel."
    )
    tail_span: str | None = Field(None, description="The tail's.")
    head_type: str | None = Field(None, description="The head's entity type.")
    tail_type: str | None = Field(None, description="The tail's entity type.")
    id: str | None = Field(None, description="Identifier of a row in its split.")
    group: str | None = Field(None, description="Group of a row, e.g. its document; splits never divide a group.")


Marker = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]


class Markers(Section):
    """Markers of the two mentions in the text: an opening and a closing one, or one placeholder for the mention."""

    head: list[Marker] = Field(min_length=1, max_length=2, description="The head's.")
    tail: list[Marker] = Field(min_length=1, max_length=2, description="The tail's.")


class Benchmark(Section):
    """A benchmark and the origin of its files."""

    origin: Literal["hub", "path", "sample"] = Field(
        description="The origin to use; sample: the shipped sample corpus."
    )
    hub: HubData | None = Field(None, description="A copy on the hub (text, entity1, entity2, relation).")
    path: str | None = Field(None, description="A local folder with native files or a copy in hub layout.")
    domain: Literal["general", "literary"] | None = Field(None, description="Domain; only for a custom benchmark.")
    negative: str | None = Field(None, description="Label for 'no relation'; only for a custom benchmark.")
    licence: Licence | None = Field(
        None, description="Its licence in cards; whether its rows are exported is decided by `export.licensed`."
    )
    columns: Columns | None = Field(None, description="Column names of its files.")
    markers: Markers | None = Field(None, description="Markers of the mentions in the text, which reading removes.")
    quoting: Literal["none", "csv"] | None = Field(
        None, description="Quotation marks in its CSV and TSV files: plain characters, or around cells as in CSV."
    )
    files: dict[Literal["train", "validation", "test"], Annotated[str, Field(pattern="^[^/~.]")]] = Field(
        {}, description="File of each split, relative to the folder, if its name is not that of its format."
    )
    expect: Literal["official", "any"] = Field(
        "official", description="official: refuse files whose row counts are not the official ones; any: accept them."
    )
    label_map: str | None = Field(None, description="CSV with the columns label and becomes; unlisted labels stay.")
    evaluation_only: bool = Field(
        False, description="It has a test split but no train split: nothing is carved, and no mixture may list it."
    )
    zero_shot: bool = Field(
        False, description="Evaluation-only: its prompts have no demonstrations, whatever matrix.shots lists."
    )
    labels: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="Evaluation-only: its label list, if none ships and its validation split gives none."
    )
    unit: Literal["evidence", "document"] | None = Field(
        None, description="Re-DocRED: one row per triple and evidence sentence, or one row per triple."
    )
    negative_share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="Re-DocRED by document: share of the unlabelled pairs that become rows `Na`."
    )
    annotation: Literal["automatic", "human"] | None = Field(
        None, description="Biographical: automatic test labels, or the human labels of the gold file."
    )

    def options(self) -> dict[str, JsonValue]:
        """Return the keyword arguments of the benchmark's reader that are set."""
        fields = {"columns", "markers", "quoting", "unit", "negative_share", "annotation"}
        return self.model_dump(include=fields, exclude_none=True)


class Splits(Section):
    """Shares of the train rows (whole groups) that replace a missing split."""

    validation: Share = Field(description="Share for a missing validation split.")
    test: Share = Field(description="Share for a missing test split (PG-Fiction's source rows).")


class Mixture(Section):
    """A training set built from several benchmarks."""

    benchmarks: list[Slug] = Field(min_length=1, description="Source benchmarks.")
    balance: Literal["natural", "domain"] = Field(description="natural: all rows; domain: equal halves.")
    max_rows: Rows = Field(description="Cap on its training rows (uniform seeded sample).")
