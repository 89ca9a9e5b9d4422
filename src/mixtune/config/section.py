"""Base class and value types that the sections of the configuration share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Condition = Literal["generic", "schema", "constrained"]
Prompt = Literal["generic", "schema"]
Floor = Literal["majority", "majority-positive", "type-pair", "random", "duplicates"]
Share = Annotated[float, Field(gt=0, lt=1)]
Rows = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Mapping of the configuration that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Licence(Section):
    """A licence, in the terms of the hub's cards."""

    id: str = Field(min_length=1, description="The hub's identifier, e.g. apache-2.0; other if it has none.")
    name: str = Field("", description="Name of a licence whose identifier is other.")
    link: str = Field("", description="URL of its text.")


class Hub(Section):
    """A repository on the Hugging Face hub."""

    id: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="Repository, as owner/name.")
    revision: str = Field("main", description="Branch, tag or commit; the first fetch pins it to a commit.")
