"""The licence that the metadata of a card state."""

import pytest

from mixtune.artifacts.hub_card import read_licence


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("license: mit", ("mit", "", "")),
        ("license: other\nlicense_name: own\nlicense_link: LICENSE", ("other", "own", "LICENSE")),
        ("license: [cc-by-4.0]", ("cc-by-4.0", "", "")),
        ("license: [mit, apache-2.0]", ("other", "mit, apache-2.0", "")),
        ("license:", None),
        ("license: {a: b}", None),
        ("tags: [x]", None),
        ("- a list", None),
        ("a: [", None),
    ],
)
def test_a_licence_is_read_from_the_metadata(tmp_path, metadata, licence):
    (tmp_path / "README.md").write_text(f"---\n{metadata}\n---\n# A card\n")
    assert read_licence(tmp_path) == (licence and dict(zip(("id", "name", "link"), licence, strict=True)))


def test_without_a_card_there_is_none(tmp_path):
    assert read_licence(tmp_path) is None
    (tmp_path / "README.md").write_text("# No metadata\n")
    assert read_licence(tmp_path) is None
