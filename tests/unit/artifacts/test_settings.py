"""Settings of jobs: written as canonical JSON, parsed back, and refused with every problem named."""

import json

import pytest
from pydantic import ValidationError

from mixtune.artifacts.settings import HubSource, Settings
from mixtune.errors import UserError


class JobSettings(Settings):
    """Settings of a job that does not exist."""

    shots: int
    share: float
    hub: HubSource | None = None


SETTINGS = JobSettings(shots=2, share=0.5, hub=HubSource(id="maker/small", revision="main"))


def test_what_a_rule_writes_is_what_a_script_parses():
    text = SETTINGS.serialise("0123")
    assert text == ('{"code":"0123","hub":{"config":"","id":"maker/small","revision":"main"},"share":0.5,"shots":2}')
    assert JobSettings.parse(text) == SETTINGS.model_copy(update={"code": "0123"})
    assert JobSettings.parse(text).as_json() == json.loads(text)


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        SETTINGS.shots = 3


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"shot": 2}, "shot: Extra inputs are not permitted"),
        ({"shots": "two"}, "shots: Input should be a valid integer"),
        ({"hub": {"id": "maker/small", "revision": "main", "sha": "0"}}, r"hub\.sha: Extra inputs are not permitted"),
    ],
)
def test_an_unknown_key_or_another_type_is_named(changed, problem):
    with pytest.raises(UserError, match=rf"^--settings: {problem}.* \(JobSettings\); start the job with Snakemake$"):
        JobSettings.parse(json.dumps(SETTINGS.as_json() | changed))


def test_every_missing_key_is_named_also_one_with_a_default():
    with pytest.raises(UserError, match="--settings: code: Field required; hub: Field required"):
        JobSettings.parse('{"shots": 2, "share": 0.5}')


def test_a_text_that_is_no_json_is_refused():
    with pytest.raises(UserError, match="--settings: JSON: Invalid JSON"):
        JobSettings.parse("{")
