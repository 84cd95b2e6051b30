"""Everything in a voice's directory, looked at before any of it is loaded: restoring and verifying begin here.

Knows which reader belongs to which file and nothing of what they read. A pickle is refused wherever it stands and
whatever it is called: no file of a voice is one, but for those that TorchScript keeps and torch_script.py reads.

A voice may have an environment beside it: software, which no reader here could judge. It is told by its place and its
name, nothing else may stand there, and nothing of it is ever loaded: its digests are compared before it is run or
installed, inside walls or for somebody who trusts its maker (docs/environment.md).

    require_harmless(Path("voices/slt"))          # UnsafeFileError names the file and what it would do
"""

from __future__ import annotations

import re
from pathlib import Path

from core_model.errors import UnsafeFileError
from core_model.strict.json_files import read_json
from core_model.strict.onnx_graph import require_graph
from core_model.strict.packed_files import require_packed
from core_model.strict.tensor_files import require_tensors
from core_model.strict.torch_script import require_script

_PICKLED = (".bin", ".ckpt", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pth", ".pyc", ".so")
_PICKLE_BEGINS = tuple(b"\x80" + bytes([protocol]) for protocol in (2, 3, 4, 5))
_ENVIRONMENT = "environment/"
_TEXTS = ("environment/README.txt", "environment/environment.json")
_SOFTWARE = re.compile(
    r"environment/(wheels/[A-Za-z0-9_][A-Za-z0-9._+-]*\.whl|image\.tar|requirements\.lock|Dockerfile)"
)


def require_harmless(directory: Path) -> None:
    """UnsafeFileError for the first file below *directory* that could do harm to whoever loads it. OSError."""
    for path in sorted(directory.rglob("*")):
        place = path.relative_to(directory).as_posix()
        if path.is_symlink():
            raise UnsafeFileError(place, "is a link")
        if path.is_file():
            _require(path, place)


def _require(path: Path, place: str) -> None:
    suffix = path.suffix.lower()
    if _SOFTWARE.fullmatch(place):
        return
    if place.startswith(_ENVIRONMENT) and place not in _TEXTS:
        raise UnsafeFileError(place, "is no file that an environment has")
    if suffix == ".safetensors":
        require_tensors(path, place)
    elif suffix == ".onnx":
        require_graph(path, place)
    elif suffix == ".pt":
        require_script(path, place)
    elif suffix == ".xz":
        require_packed(path, place)
    elif suffix == ".json":
        read_json(path, place)
    elif suffix in _PICKLED:
        raise UnsafeFileError(
            place, f"is a {suffix} file: such files run code when they are loaded, and no voice needs one"
        )
    else:
        with path.open("rb") as file:
            beginning = file.read(4)
        if beginning.startswith(_PICKLE_BEGINS):
            raise UnsafeFileError(place, "is a pickle")
        if beginning[2:4] == b"\x03\x04":
            raise UnsafeFileError(place, "is a zip, as torch writes pickles into")
