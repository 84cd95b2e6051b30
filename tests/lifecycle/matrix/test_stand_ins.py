"""Stand-ins: a library that wants CUDA's loads and computes without them. Needs gcc and readelf."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from lifecycle.errors import StandInError
from lifecycle.matrix import stand_ins
from lifecycle.matrix.stand_ins import write_stand_ins

TOOLS = pytest.mark.skipif(
    any(shutil.which(program) is None for program in stand_ins.PROGRAMS), reason="gcc and readelf are not installed"
)
CUDA = """
int cublasOld(void) { return 1; }
int cublasNew(void) { return 2; }
const char *cublasGetStatusString(void) { return "the real one"; }
"""
VERSIONS = "V99 { global: cublasOld; cublasGetStatusString; };\nV100 { global: cublasNew; } V99;\n"
USER = """
int cublasOld(void); int cublasNew(void); int cudaPlain(void); const char *cublasGetStatusString(void);
int computes(void) { return 42; }
int asks(void) { return cublasOld() + cublasNew() + cudaPlain(); }
char answers(void) { return *cublasGetStatusString(); }
"""


def compiled(directory: Path, name: str, source: str, *more: str) -> Path:
    (directory / f"{name}.c").write_text(source)
    command = ["gcc", "-shared", "-fPIC", "-o", str(directory / name), str(directory / f"{name}.c")]
    subprocess.run([*command, f"-Wl,-soname,{name}", *more], check=True)
    return directory / name


@TOOLS
def test_a_library_loads_when_all_of_cuda_it_needs_is_missing(tmp_path: Path) -> None:
    real, libraries = tmp_path / "real", tmp_path / "lib"
    real.mkdir(), libraries.mkdir()
    (tmp_path / "map").write_text(VERSIONS)
    cublas = compiled(real, "libcublas.so.99", CUDA, f"-Wl,--version-script={tmp_path / 'map'}")
    cudart = compiled(real, "libcudart.so.99", "int cudaPlain(void) { return 4; }\n")
    user = compiled(libraries, "libtorch_cuda.so", USER, str(cublas), str(cudart), "-Wl,-rpath,$ORIGIN", "-Wl,-z,now")
    with pytest.raises(OSError, match="cannot open shared object"):
        ctypes.CDLL(str(user))
    assert write_stand_ins(libraries) == ("libcublas.so.99", "libcudart.so.99")
    loaded = ctypes.CDLL(str(user))  # -z now: every function was found, under its version
    assert loaded.computes() == 42
    assert loaded.asks() == 3 * 35  # each says that there is no driver
    assert loaded.answers() == ord("a")
    assert write_stand_ins(libraries) == ()  # nothing is missing any more


@TOOLS
def test_other_libraries_are_not_stood_in_for(tmp_path: Path) -> None:
    other = compiled(tmp_path, "libcurl.so.4", "int cudaLike(void) { return 1; }\n")
    (tmp_path / "lib").mkdir()
    compiled(tmp_path / "lib", "libtorch.so", "int cudaLike(void); int f(void) { return cudaLike(); }\n", str(other))
    assert write_stand_ins(tmp_path / "lib") == ()


def test_without_a_compiler_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_ins, "PROGRAMS", ("gcc", "no-such-readelf"))
    with pytest.raises(StandInError, match="no-such-readelf, which is not installed"):
        write_stand_ins(tmp_path)
