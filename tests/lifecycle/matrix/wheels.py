"""Wheels for tests of environments: pip installs them as it does any other, and what they bring is this process's own.

A wheel of `borrowed` holds one .pth file, so that the environment imports what is installed here. That makes a real
environment, built by a real pip, in the time that a venv takes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

HERE = Path(np.__file__).resolve().parents[1]  # site-packages


def write_wheel(directory: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """Write NAME-VERSION-py3-none-any.whl with *files*."""
    directory.mkdir(exist_ok=True)
    path = directory / f"{name}-{version}-py3-none-any.whl"
    told = f"{name}-{version}.dist-info"
    metadata = {
        f"{told}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{told}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    written = {**files, **metadata}
    record = "".join(f"{member},,\n" for member in (*written, f"{told}/RECORD"))
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in {**written, f"{told}/RECORD": record}.items():
            wheel.writestr(member, text)
    return path


def borrowed(directory: Path, name: str, version: str) -> Path:
    """A wheel that makes this process's own packages importable."""
    return write_wheel(directory, name, version, {f"borrowed_{name}.pth": f"{HERE}\n"})


def offline(directory: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """What pip is configured with: these wheels, and no index."""
    kept = {name: value for name, value in variables.items() if not name.startswith("PIP_")}
    return kept | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(directory), "PIP_CONFIG_FILE": "/dev/null"}
