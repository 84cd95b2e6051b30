"""Repair: from a damaged bundle to a whole one, in a new file; the old one is only read.

Knows no keys. The blocks that are missing are computed by par2 from what is left, wherever it stands; recovery blocks
that are lost are made anew, and the others must come out as they are. The result is not shown under its name before
`check` has found it whole. Reference: SPEC.md section 11.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archive import checking, container, files, outer, par2_program, parity
from archive.checking import CheckReport
from archive.container import END, Region
from archive.errors import (
    DamagedError,
    NoRecoveryDataError,
    Par2Error,
    UnrepairableError,
)
from archive.parity import Found, Records


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done. *path* is None where nothing had to be."""

    path: Path | None
    report: CheckReport  # of the old file
    blocks: int  # that were computed again


def repair(source: Path, destination: Path) -> Repaired:
    """Write the bundle at *source* as it was before it was damaged into the new file *destination*.

    An undamaged bundle is left as it is, and nothing is written. DestinationExistsError, FormatError,
    NoRecoveryDataError, UnrepairableError, Par2Error or OSError; then nothing is written either.
    """
    files.require_absent(destination)
    report = checking.check(source)
    if report.whole:
        return Repaired(None, report, 0)
    with files.open_regular(source) as file:
        whole = Region(file, 0, file.seek(0, 2), outer.END_ENTRY)
        found = parity.find(whole)
        outlook = report.outlook
        if found is None or outlook is None:
            raise NoRecoveryDataError(report.damage)
        if outlook.missing_blocks:
            raise UnrepairableError(report.damage, outlook.damaged_blocks, outlook.recovery_blocks)
        with files.building(destination, parity.PROTECTED) as work:
            _recover(whole, found, source, work)
            _complete(whole, found, work)
            result = checking.check(work / parity.PROTECTED)
            if not result.whole:
                raise DamagedError(result.damage)  # it was archived so: the blocks are right, the bundle is not
    return Repaired(destination, report, outlook.damaged_blocks)


def _recover(whole: Region, found: Found, source: Path, work: Path) -> None:
    """Make bundle.tar in *work*."""
    records = found.records
    with files.create(work / parity.MEMBER) as packets:
        files.write_all(packets, records.marshal())
        for at in found.blocks.values():
            files.write_all(packets, whole.read_at(at, records.plan.packet_bytes))
    par2_program.repair(work, source)
    (work / parity.MEMBER).unlink()


def _complete(whole: Region, found: Found, work: Path) -> None:
    """Add the recovery data and the end. Lost blocks of it are computed with all others, which must be those left."""
    made = found.records.plan

    def left(number: int) -> bytes:
        return whole.read_at(found.blocks[number] + parity.HEAD_BYTES + 4, made.block_bytes)

    if len(found.blocks) == made.recovery_blocks:
        _append(work, found.records, left)
        return
    with par2_program.computed(work, made) as (records, block):
        if records != found.records:
            raise Par2Error("repaired another file than the one that was archived")
        for number in found.blocks:
            if left(number) != block(number):
                raise Par2Error(f"computes another recovery block {number} than the one that is left")
        _append(work, records, block)


def _append(work: Path, records: Records, block: Callable[[int], bytes]) -> None:
    with (work / parity.PROTECTED).open("ab") as file:
        file.write(container.header(parity.MEMBER, records.plan.member_bytes))
        for piece in records.produce(block):
            file.write(piece)
        file.write(container.padding(records.plan.member_bytes) + END)
