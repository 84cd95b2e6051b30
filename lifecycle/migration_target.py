"""What a person named to be migrated: a voice of this machine, a voice in a directory, a bundle, or checkpoints.

Looks at what is there and reads nothing but first bytes. A word that is the name of a voice here is that voice, even
where a file is called so, too: ./NAME is the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from lifecycle.errors import NoSuchVoiceOrBundleError
from lifecycle.preserving import BUNDLE_BEGINS
from lifecycle.store import Store

Kind = Literal["voice", "directory", "bundle", "checkpoints"]


def kind_of(named: Sequence[str], store: Store) -> Kind:
    """What *named* is. NoSuchVoiceOrBundleError if it is nothing."""
    if len(named) > 1:
        return "checkpoints"
    word, path = named[0], Path(named[0])
    if word in store.names():
        return "voice"
    if (path / "voice.json").is_file():
        return "directory"
    if path.is_dir():
        return "checkpoints"  # a directory that holds both halves
    if not path.is_file():  # nor is a pipe opened: it would be waited for
        raise NoSuchVoiceOrBundleError(word)
    with path.open("rb") as file:
        return "bundle" if file.read(len(BUNDLE_BEGINS)) == BUNDLE_BEGINS else "checkpoints"
