from mixtune.artifacts.manifests import file_sha256, read_json
from mixtune.data.files import folders
from mixtune.data.gather_benchmarks import gather_benchmarks


def test_the_list_names_each_benchmark_with_the_hash_of_its_manifest(tmp_path):
    manifests = [tmp_path / name / "manifest.json" for name in ("gids", "conll04")]
    for path in manifests:
        path.parent.mkdir()
        path.write_text(path.parent.name, encoding="utf-8")
    gather_benchmarks(manifests, tmp_path / "all.json")
    listed = {path.parent.name: file_sha256(path) for path in manifests}
    assert read_json(tmp_path / "all.json") == {"benchmarks": listed}
    assert folders(tmp_path / "all.json") == {path.parent.name: path.parent for path in manifests}
