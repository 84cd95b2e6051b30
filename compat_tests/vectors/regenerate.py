"""Make every vector again: python compat_tests/vectors/regenerate.py [DIRECTORY]; then git diff --exit-code.

Those in NOT_KEPT are large, or depend on a compressor's version: they are made only where a DIRECTORY is given.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOT_GENERATORS = {"crafting", "regenerate"}
NOT_KEPT = {
    "age_header_too_long",
    "custody_bomb",
    "custody_huge",
    "json_huge",
    "manifest_bomb_of_lists",
    "manifest_bomb_of_paths",
    "manifest_bomb_of_quotes",
    "manifest_huge",
    "onnx_bomb_of_fields",
    "safetensors_bomb_of_tensors",
    "safetensors_huge_head",
    "torchscript_bomb_of_code",
    "xz_bomb",
    "xz_large_dictionary",
    "xz_trailing_bytes",
}


def regenerate(directory: Path) -> list[str]:
    """Write all vectors into *directory*; NOT_KEPT only where that is not this one. Returns their names."""
    made = []
    os.environ["VECTORS"] = str(directory)
    sys.path.insert(0, str(HERE))
    try:
        for path in sorted(HERE.glob("*.py")):
            if path.stem not in NOT_GENERATORS and (directory != HERE or path.stem not in NOT_KEPT):
                runpy.run_path(str(path))
                made.append(path.stem)
    finally:
        sys.path.remove(str(HERE))
        del os.environ["VECTORS"]
    return made


if __name__ == "__main__":
    regenerate(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE)
