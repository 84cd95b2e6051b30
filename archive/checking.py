"""Check: list everything that is wrong with a bundle, without a key.

Knows no identities. Where `open_bundle` stops at the first refusal, this goes on as far as it can, because a person
with a damaged bundle wants to know how much of it is left. What was not looked at is said, never passed over.
Reference: SPEC.md section 7; docs/decisions/0005-what-check-promises.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from archive import assessing, beside, container, files, outer, parity, payload
from archive.age import envelope, header, stream
from archive.assessing import DamagedRange, Outlook
from archive.container import BLOCK_BYTES, END, Region
from archive.errors import ArchiveError, Damage, DamagedError
from archive.manifest import Entry
from archive.outer import Outer

_UNSEEN_INSIDE = "the inside of payload.tar.age: that takes a key"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` found. *checked* and *not_checked* are sentences for people; together they cover the whole file."""

    damage: tuple[Damage, ...]
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]
    ranges: tuple[DamagedRange, ...] = ()  # known only where recovery data is left
    outlook: Outlook | None = None  # None: undamaged, or no recovery data is left

    @property
    def repairable(self) -> bool:
        """Whether `repair` can bring it back; also said of what is not damaged."""
        return self.whole or (self.outlook is not None and not self.outlook.missing_blocks)

    @property
    def whole(self) -> bool:
        """Whether nothing was found. It says nothing about what was not checked."""
        return not self.damage


def check(path: Path) -> CheckReport:
    """Look at every byte of the bundle at *path*. UnsupportedVersionError for a later format; OSError if unreadable."""
    with files.open_regular(path) as file:
        survey = _Survey(file)
        whole = Region(file, 0, file.seek(0, 2), outer.END_ENTRY)
        found = None if outer.begins_as_bundle(whole) else parity.find(whole)
        if found is None:
            survey.run()
            found = parity.find(whole) if survey.damage else None
        if found is None:
            return CheckReport(tuple(survey.damage), tuple(survey.checked), tuple(survey.not_checked))
        ranges, outlook = assessing.assess(path, whole, found)
        if found.shift or not survey.damage:  # what was read at the wrong places says nothing
            belongs = [(place, f"{place.expected_bytes} bytes as they were archived") for place in ranges]
            moved = [
                Damage(", ".join(place.members), place.start, expected, f"{place.end - place.start} other bytes")
                for place, expected in belongs
            ]
            unread = "the members: they do not stand where they were written"
            return CheckReport(tuple(moved), ("every block of the recovery data",), (unread,), ranges, outlook)
        damage, checked, not_checked = tuple(survey.damage), tuple(survey.checked), tuple(survey.not_checked)
        return CheckReport(damage, checked, not_checked, ranges, outlook)


class _Survey:
    """One pass over the members, one over their data; every finding goes into one of three lists."""

    def __init__(self, file: BinaryIO) -> None:
        self.damage: list[Damage] = []
        self.checked: list[str] = []
        self.not_checked: list[str] = []
        self._file = file
        self._whole = Region(file, 0, file.seek(0, 2), outer.END_ENTRY)
        self._members: dict[str, Region] = {}
        self._names: list[str] = []  # what stands, or should stand, at each place

    def run(self) -> None:
        """Fill the lists."""
        outer.require_bundle(self._whole)
        self._find_members()
        self._compare_digests()
        self._look_into_payload()
        readme = self._members.get(outer.README)
        if readme and all(item.entry != outer.README for item in self.damage):
            outer.require_version(readme)  # last: a README that is damaged is no word from the future

    def _find_members(self) -> None:
        position = 0
        for place in range(outer.PLACES):
            if place == outer.PLACES - 1:
                position = self._find_optional_members(position)
            found = self._find_member(position, place)
            if found is None:
                missing = [" or ".join(outer.expected_names(later)) for later in range(place + 1, outer.PLACES)]
                self.not_checked.append(": ".join(["everything after the damaged header", ", ".join(missing)]))
                return
            position = found
        while self._block(position) not in (bytes(BLOCK_BYTES), b""):
            try:
                name, region = outer.read_member(self._whole, position, ())
            except ArchiveError as error:
                self._note(outer.likely_name(self._whole, position, ()), position, error)
                self.not_checked.append(f"what follows {outer.SUMS}")
                return
            if name == parity.MEMBER:
                self._look_at_recovery_data(region, position)
            else:
                self.not_checked.append(f"{name}: this version does not know what it is for")
            position = region.start + container.padded(region.size)
        end = self._whole.read_at(position, min(len(END), self._whole.size - position))
        if end != END or self._whole.size != position + len(END):
            remainder = f"{self._whole.size - position} bytes" if END.startswith(end[: len(END)]) else "something else"
            self.damage.append(Damage(outer.END_ENTRY, position, outer.EXPECTED_END, remainder))
        self.checked.append("the tar headers and their order")

    def _find_optional_members(self, position: int) -> int:
        """Note what stands between the payload and SHA256SUMS. Returns where that one begins, or should."""
        last = payload_name = self._names[-1]
        while (names := outer.names_after(self._whole, position, last, payload_name)) != (outer.SUMS,):
            try:
                last, region = outer.read_member(self._whole, position, names)
            except ArchiveError as error:
                self._note(names[0], position, error)
                return self._scan(position + BLOCK_BYTES, (outer.SUMS,)) or position
            self._names.append(last)
            self._members[last] = region
            position = region.start + container.padded(region.size)
        return position

    def _find_member(self, position: int, place: int) -> int | None:
        """Note the member at *position*. Returns where the next one begins, or None if that cannot be told."""
        names = outer.expected_names(place)
        try:
            name, region = outer.read_member(self._whole, position, names)
        except ArchiveError as error:
            name = outer.likely_name(self._whole, position, names)
            self._names.append(name)
            self._note(name, position, error)
            return self._after_damage(position, place, name)
        self._names.append(name)
        self._members[name] = region
        return region.start + container.padded(region.size)

    def _after_damage(self, position: int, place: int, name: str) -> int | None:
        """Past a member that was refused, to the next header that stands where it may.

        The data between is that of the refused member, if its header still gives a size that fits.
        """
        following = self._scan(position + BLOCK_BYTES, outer.expected_names(place + 1))
        loose = container.loose_header(self._block(position).ljust(BLOCK_BYTES, b"\0"))
        size = loose[1] if loose else -1
        end = position + BLOCK_BYTES + container.padded(size)
        if size >= 0 and (following == end or (following is None and end + len(END) == self._whole.size)):
            self._members[name] = Region(self._file, position + BLOCK_BYTES, size, name)
            return end
        self.not_checked.append(f"{name}: its size is not known")
        return following

    def _scan(self, position: int, names: tuple[str, ...]) -> int | None:
        """Where the next whole header with one of these names stands."""
        while position + BLOCK_BYTES <= self._whole.size:
            data = self._whole.read_at(position, min(container.IO_BYTES, self._whole.size - position))
            for found in range(0, len(data) - BLOCK_BYTES + 1, BLOCK_BYTES):
                block = data[found : found + BLOCK_BYTES]
                loose = container.loose_header(block) if block[257:262] == b"ustar" else None
                if loose is not None and loose[0] in names and container.header(*loose) == block:
                    return position + found
            position += container.IO_BYTES
        return None

    def _compare_digests(self) -> None:
        sums = self._members.get(outer.SUMS)
        if sums is None:
            self.not_checked.append(f"digests: {outer.SUMS} is not readable")
            return
        names = [name for name in self._names if name != outer.SUMS]
        recorded, damage = outer.parse_sums(sums, names)
        self.damage += damage
        for name in names:
            if name in recorded and name in self._members:
                self._compare_digest(name, Outer(self._members, recorded, ()))
            else:
                self.not_checked.append(f"{name}: its data or its digest is not there")

    def _compare_digest(self, name: str, found: Outer) -> None:
        try:
            outer.require_digest(found, self._members[name], outer.digest(self._members[name]))
        except DamagedError as error:
            self.damage += error.damage
        self.checked.append(f"{name}: SHA-256 against {outer.SUMS}")

    def _look_into_payload(self) -> None:
        if outer.PUBLIC in self._members:
            self._look_into_public(self._members[outer.PUBLIC])
        elif outer.ENCRYPTED in self._members:
            self._look_at_encrypted(self._members[outer.ENCRYPTED])

    def _look_into_public(self, region: Region) -> None:
        def consume(entry: Entry, pieces: Iterator[memoryview]) -> None:
            for _ in pieces:
                pass

        try:
            described = payload.read_manifest(region)
            with beside.threads() as pool:
                note = partial(self._note, outer.PUBLIC, region.start)
                payload.walk(region, described, consume, pool, note)
        except ArchiveError as error:
            self._note(outer.PUBLIC, region.start, error)
            self.not_checked.append("the inside of payload.tar: its manifest is not readable")
            return
        self.checked.append(f"payload.tar: {len(described.members)} members against their manifest")

    def _look_at_encrypted(self, region: Region) -> None:
        self.not_checked.append(_UNSEEN_INSIDE)
        try:
            parsed = header.parse(region.read_at(0, min(region.size, header.LIMIT_BYTES)))
            envelope.require_well_formed(parsed)
            stream.require_possible_size(region.size - parsed.size)
        except ArchiveError as error:
            self._note(outer.ENCRYPTED, region.start, error)
            return
        self.checked.append("payload.tar.age: the form of its encryption header")

    def _look_at_recovery_data(self, region: Region, protected_bytes: int) -> None:
        wrong = list(parity.differences(region, protected_bytes))
        for offset, expected, found in wrong:
            self.damage.append(Damage(parity.MEMBER, region.start + offset, expected, found))
        if not wrong:
            self.checked.append(f"{parity.MEMBER}: every packet of the recovery data")

    def _note(self, entry: str, offset: int, error: ArchiveError) -> None:
        """Keep a refusal as damage."""
        if isinstance(error, DamagedError):
            self.damage += error.damage
        else:
            self.damage.append(Damage(entry, offset, "what SPEC.md asks for", str(error)))

    def _block(self, position: int) -> bytes:
        return self._whole.read_at(position, max(0, min(BLOCK_BYTES, self._whole.size - position)))
