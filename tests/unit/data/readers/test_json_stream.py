import pytest

from mixtune.data.readers import json_stream
from mixtune.data.readers.json_stream import array_values, grouped_values


@pytest.mark.parametrize("block", [1, 3, 2**16])
def test_the_values_of_an_array_have_the_numbers_of_their_lines(tmp_path, monkeypatch, block):
    monkeypatch.setattr(json_stream, "_BLOCK", block)
    content = b'\n{"a":\n"x\\n"\n}\n,\n\n7, [\n1], 8\n]\n'
    (tmp_path / "a").write_bytes(content)
    with (tmp_path / "a").open("rb") as file:
        assert list(array_values(file, 5)) == [(6, {"a": "x\n"}), (11, 7), (11, [1]), (12, 8)]


@pytest.mark.parametrize("block", [1, 3, 2**16])
def test_the_values_of_an_object_of_arrays_have_its_names(tmp_path, monkeypatch, block):
    monkeypatch.setattr(json_stream, "_BLOCK", block)
    (tmp_path / "a").write_bytes(b'\n"a\\"": [1, [2]],\n "b": [{"c": []}]\n}\n')
    with (tmp_path / "a").open("rb") as file:
        assert list(grouped_values(file)) == [('a"', 1), ('a"', [2]), ("b", {"c": []})]


@pytest.mark.parametrize("end", [b"", b", ", b"]", b"} {}", b', "b": 1}', b', "b": []}'])
def test_a_broken_object_of_arrays_is_an_error_after_the_values_before_it(tmp_path, end):
    (tmp_path / "a").write_bytes(b'"a": [1]' + end)
    with (tmp_path / "a").open("rb") as file:
        values = grouped_values(file)
        assert next(values) == ("a", 1)
        with pytest.raises(ValueError, match=r"expected|no record before"):
            next(values)
