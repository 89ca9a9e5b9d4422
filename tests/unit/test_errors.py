"""What a user sees of a disk that refuses: the file, the reason, a remedy; from real limits, and no traceback."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from mixtune.errors import UserError, naming, run
from tests import fork_server

# Writes a megabyte through one library; files may have 64 KiB.
WRITERS = {
    "text": "path.write_text('x' * 2**20)",
    "parquet": "import pyarrow as pa, pyarrow.parquet as pq; pq.write_table(pa.table({'x': os.urandom(2**20)}), path)",
    "safetensors": "import torch; from safetensors.torch import save_file; save_file({'x': torch.rand(2**18)}, path)",
    "torch": "import torch; torch.save(torch.rand(2**18), path)",
    "tokenizers": (
        "from tokenizers import Tokenizer, models\n"
        "    words = models.WordLevel({f'w{i}': i for i in range(2**16)}, unk_token='w0')\n"
        "    Tokenizer(words).save(str(path))"
    ),
}
PROGRAM = """
import os, resource, sys
from pathlib import Path
from mixtune.errors import run
from mixtune.artifacts.manifests import replacing

def main():
    with replacing(Path(sys.argv[1])) as path:
        WRITE

resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
run(main)
"""


@pytest.mark.parametrize("library", WRITERS)
def test_a_file_that_cannot_be_written_is_named_whichever_library_writes(tmp_path, library):
    code = WRITERS[library].replace("\n    ", "\n        ")
    program = PROGRAM.replace("        WRITE", f"        {code}")
    command = [fork_server.python(), "-c", program, str(tmp_path / "file")]
    environment = os.environ | fork_server.ENVIRONMENT
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    line = ended.stderr.splitlines()[-1]
    assert line.startswith(f"error: {tmp_path / 'file'}: ")
    assert line.endswith("what is finished is kept, and incomplete files do not count")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES])
def test_what_a_disk_refuses_is_reported_with_a_remedy(number):
    def fail():
        raise OSError(number, os.strerror(number), "results/file")

    with pytest.raises(SystemExit, match=rf"^error: results/file: {os.strerror(number)}; .+, and start again"):
        run(fail)


def test_an_error_of_the_code_keeps_its_traceback():
    def missing():
        Path("/no/such/file").read_text()

    with pytest.raises(FileNotFoundError):
        run(missing)
    with pytest.raises(ValueError, match="unexpected"), naming("file"):
        raise ValueError("unexpected")
    with pytest.raises(UserError), naming("file"):
        raise UserError("as it is, though it says: Permission denied")
