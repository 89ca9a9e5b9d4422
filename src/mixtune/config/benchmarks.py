"""Sections for benchmarks, their files and splits, and training mixtures."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from .section import Hub, Rows, Section, Share, Slug


class HubData(Hub):
    """A data set on the hub."""

    config: str = Field("", description="Config name of the data set, if it has several.")


class Columns(Section):
    """Column names of the files, by the names used here; in JSON Lines, dots separate nested keys."""

    text: str = Field(description="The text.")
    relation: str = Field(description="The label.")
    head: str | None = Field(None, description="The head's mention.")
    tail: str | None = Field(None, description="The tail's mention.")
    head_start: str | None = Field(None, description="Offset of the head's first character; -1: not in the text.")
    head_end: str | None = Field(None, description="Offset after the head's last character.")
    tail_start: str | None = Field(None, description="Offset of the tail's first character.")
    tail_end: str | None = Field(None, description="Offset after the tail's last character.")
    head_type: str | None = Field(None, description="The head's entity type.")
    tail_type: str | None = Field(None, description="The tail's entity type.")
    id: str | None = Field(None, description="Identifier of a row in its split.")
    group: str | None = Field(None, description="Group of a row, e.g. its document; splits never divide a group.")


class Benchmark(Section):
    """A benchmark and the origin of its files."""

    origin: Literal["hub", "path", "sample"] = Field(
        description="The origin to use; sample: the shipped sample corpus."
    )
    hub: HubData | None = Field(None, description="A copy on the hub (text, entity1, entity2, relation).")
    path: str | None = Field(None, description="A local folder with native files or a copy in hub layout.")
    domain: Literal["general", "literary"] | None = Field(None, description="Domain; only for a custom benchmark.")
    negative: str | None = Field(None, description="Label for 'no relation'; only for a custom benchmark.")
    columns: Columns | None = Field(None, description="Column names of its files.")
    files: dict[Literal["train", "validation", "test"], Annotated[str, Field(pattern="^[^/~.]")]] = Field(
        {}, description="File of each split, relative to the folder, if its name is not that of its format."
    )
    expect: Literal["official", "any"] = Field(
        "official", description="official: refuse files whose row counts are not the official ones; any: accept them."
    )
    label_map: str | None = Field(None, description="CSV with the columns label and becomes; unlisted labels stay.")
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
        fields = {"columns", "unit", "negative_share", "annotation"}
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
