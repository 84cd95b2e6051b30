"""Stand-in libraries: what a CUDA build of torch is linked with, empty, so that it imports and computes on a CPU alone.

Where CUDA wheels are all an index has, torch fails to import for want of libcublas and its like, though it never calls
them on a CPU. Each missing one is written anew with its soname, its symbol versions and the symbols that torch wants;
every function answers 35, cudaErrorInsufficientDriver, so torch says that there is no GPU. Knows ELF through readelf
and C through gcc, and neither torch nor pip. Found to change nothing: torch 2.0.1 computed the same bits with the real
libraries (docs/longevity.md).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from lifecycle.errors import StandInError

PROGRAMS = ("gcc", "readelf")
_LIMIT_S = 300
_LIBRARY = re.compile(r"\.so[.\d]*$")
_CUDA_LIBRARY = re.compile(r"lib(cu(blas|da|dnn|dss|fft|file|pti|rand|solver|sparse|tensor)|nv|nccl)\S*\.so[.\d]*")
_CUDA_SYMBOL = re.compile(
    r"(__)?(cu[A-Z]|cuda|cublas|cudnn|cudss|cufft|curand|cusparse|cusolver|nccl|nvrtc|nvtx|nvJitLink|nvshmem|cupti|cuFile"
    r"|nvml|nvPTX)\w*"
)
_C_NAME = re.compile(r"[A-Za-z_]\w*")
_ANSWERS_A_TEXT = re.compile(r"Get\w*(String|Name)$")
_NEEDED = re.compile(r"\(NEEDED\).*\[(.+?)\]")
_FROM_FILE = re.compile(r"File: (\S+)")
_VERSION = re.compile(r"Name: (\S+)\s+Flags")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be in one stand-in: functions by symbol version, "" for those without one."""

    functions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def write_stand_ins(libraries: Path) -> tuple[str, ...]:
    """Write, into the directory *libraries*, every CUDA library that those in it need and that is not there.

    Return their sonames, () if none is missing. StandInError if gcc or readelf is missing or fails.
    """
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise StandInError(f"stand-in libraries are made with {' and '.join(missing)}, which is not installed")
    wanted = _wanted(sorted(path for path in libraries.iterdir() if _LIBRARY.search(path.name)))
    with TemporaryDirectory() as work:
        for soname, one in wanted.items():
            _compile(soname, one, Path(work), libraries / soname)
    return tuple(wanted)


def _wanted(paths: Sequence[Path]) -> dict[str, Wanted]:
    """What the libraries *paths* need of CUDA libraries that are not among them, by soname."""
    present = {path.name for path in paths}
    wanted: dict[str, Wanted] = {}
    unversioned: set[str] = set()
    for path in paths:
        needed = set(_NEEDED.findall(_run("readelf", "-dW", str(path))))
        for soname in sorted(needed - present):
            if _CUDA_LIBRARY.fullmatch(soname):
                wanted.setdefault(soname, Wanted())
        versions = _versions(_run("readelf", "-VW", str(path)))
        for name, version in _undefined(_run("readelf", "--dyn-syms", "-W", str(path))):
            soname = versions.get(version, "")
            if soname in wanted:
                wanted[soname].functions[version].add(name)
            elif not version and _CUDA_SYMBOL.fullmatch(name):
                unversioned.add(name)
        for version, soname in versions.items():
            if soname in wanted:
                wanted[soname].functions[version] |= set()  # asked for by its name, even without a function
    if wanted:  # a name without a version is looked for in every library that is loaded: the first will do
        wanted[min(wanted)].functions[""] |= unversioned
    return dict(sorted(wanted.items()))


def _versions(told: str) -> dict[str, str]:
    """Which library gives each symbol version that a file asks for."""
    found: dict[str, str] = {}
    soname = ""
    for line in told.splitlines():
        if match := _FROM_FILE.search(line):
            soname = match[1]
        if (match := _VERSION.search(line)) and soname:
            found[match[1]] = soname
    return found


def _undefined(told: str) -> list[tuple[str, str]]:
    """(name, version or "") of every symbol that a file leaves to others."""
    fields = (line.split() for line in told.splitlines())
    names = [row[7].replace("@@", "@").partition("@") for row in fields if len(row) >= 8 and row[6] == "UND"]
    return [(name, version) for name, _, version in names if _C_NAME.fullmatch(name)]


def _compile(soname: str, wanted: Wanted, work: Path, target: Path) -> None:
    source, script = work / f"{soname}.c", work / f"{soname}.map"
    functions = sorted({name for names in wanted.functions.values() for name in names})
    source.write_text("".join(_function(name) for name in functions) or "int lifecycle_stand_in;\n")
    script.write_text(_version_script(wanted.functions))
    command = ["gcc", "-shared", "-fPIC", "-w", "-fno-builtin", "-o", str(target), str(source)]
    command += [f"-Wl,-soname,{soname}"]
    if any(wanted.functions):
        command += [f"-Wl,--version-script={script}"]
    _run(*command)


def _function(name: str) -> str:
    if _ANSWERS_A_TEXT.search(name):
        return f'const char *{name}(void) {{ return "a stand-in: there is no CUDA here"; }}\n'
    return f"int {name}(void) {{ return 35; }}\n"


def _version_script(functions: Mapping[str, set[str]]) -> str:
    """Each version with its functions. What stands in none is exported without a version."""
    return "".join(
        f"{version} {{ {'global: ' + ' '.join(f'{name};' for name in sorted(names)) if names else ''} }};\n"
        for version, names in sorted(functions.items())
        if version
    )


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise StandInError(f"{command[0]} did not end within {_LIMIT_S} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
        raise StandInError(f"{command[0]} failed: {last}")
    return done.stdout
