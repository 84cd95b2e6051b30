"""What `import` answers: the voice, its parts, and what a person should know beside it.

Knows what importing gives; decides nothing. Shows names of files, never directories or what anybody said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lifecycle.cli.console import Console

if TYPE_CHECKING:
    from lifecycle.importing import Imported
    from lifecycle.prompting import Added


def remark(console: Console, imported: Imported, added: Sequence[Added], words: int) -> None:
    """Say what a person should know beside the answer; *words* is how many transcripts were given."""
    for part, fields in imported.shortened.items():
        console.remark(f"Directories were cut from the configuration of {part}: {', '.join(fields)}.")
    for language, problem in imported.unreadable.items():
        console.remark(f"The voice does not carry {language}: {problem}.")
    if "lora" in imported.parts and not imported.parts["sovits"].stock:
        console.remark(
            f"{imported.parts['sovits'].name} does not begin as GPT-SoVITS's base files do: the voice is right "
            "only if the LoRA was trained on this very file."
        )
    if words > 1:
        console.remark("Only the first reference's words are part of the prompt; the others lend their sound.")
    for prompt in added:
        if prompt.lacks_word_features:
            console.remark(
                "No RoBERTa was given: the prompt lacks the word features with which the voice learnt Chinese."
            )
        if prompt.prompt.reference_mel is not None:
            console.remark(
                "The prompt holds the reference's mel, which is nearly the recording: who has it can hear it."
            )


def facts_of(imported: Imported, added: Sequence[Added]) -> dict[str, object]:
    """The answer for --json."""
    voice = imported.voice
    return {
        "voice": voice.name,
        "path": voice.directory,
        "family": voice.description.family,
        "languages": voice.description.languages,
        "parts": {
            part: {"file": file.name, "is": file.told, "stock": bool(file.stock)}
            for part, file in imported.parts.items()
        },
        "unreadable": imported.unreadable,
        "shortened": imported.shortened,
        "prompts": voice.prompts(),
        "lacks_word_features": any(prompt.lacks_word_features for prompt in added),
        "golden": any(prompt.golden for prompt in added),
    }


def lines_of(imported: Imported) -> list[str]:
    """The answer for a person."""
    voice = imported.voice
    lines = [f"The voice {voice.name}, {voice.description.family}, is in {voice.directory}."]
    if not voice.prompts():
        lines.append(f"It has no prompt yet: give it one with `lifecycle prompt {voice.name} --reference WAV ...`.")
    return lines
