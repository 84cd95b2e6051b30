"""Speak: from a voice on this machine to a sound file, on the runtime that was asked for.

Knows the order of the steps and how a wav is written; what is said is refused before any network is loaded. What was
left out or left at zero is told in remarks, never passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import soundfile

from core_model.errors import PretrainedMissingError
from core_model.pretrained import Pretrained
from core_model.runtimes import load_runtime
from core_model.sovits.dims import FlowMatchingDims
from core_model.speaking import SpeakingOptions, Speech, sovits_dims
from core_model.speaking import speak as speak_utterances
from core_model.utterances import WITH_WORD_FEATURES, Utterance, utterances, with_word_features, word_features_wanted
from core_model.voice import Prompt, Voice
from lifecycle.errors import NoStepsError
from lifecycle.store import new_file, require_same_kind
from lifecycle.word_features import load_word_features

WordFeatures = Literal["none needed", "computed", "zeros"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said, and what a person should know about how."""

    speech: Speech
    word_features: WordFeatures  # of the text
    dropped: tuple[str, ...]  # pieces of the text that the voice has no way to say
    remarks: tuple[str, ...]


def speak(
    voice: Voice,
    text: str | None,
    *,
    phonemes: str | None,
    runtime: str,
    options: SpeakingOptions,
    pretrained: Sequence[Path] = (),
    tell: Callable[[int, int], None],
) -> Spoken:
    """Speak *text*, or *phonemes* written as text, on *runtime*; *pretrained* is where a RoBERTa for Chinese may lie.

    TextError, VoiceError, PromptMissingError, RuntimeMissingError, PretrainedError,
    NoStepsError.
    """
    prompt = voice.prompt(options.prompt)
    if options.steps is not None and not isinstance(sovits_dims(voice).decoder, FlowMatchingDims):
        raise NoStepsError(voice.description.family)
    said = utterances(voice, text, phonemes=phonemes, language=options.language, cut=options.cut)
    word_features: WordFeatures = "none needed"
    if word_features_wanted(voice, said):
        word_features = "computed" if pretrained else "zeros"
        if pretrained:
            width = int(str(voice.description.gpt["word_features"]))
            said = with_word_features(said, load_word_features(_roberta(pretrained), width))
    speech = speak_utterances(voice, load_runtime(voice, runtime), said, options, tell)
    dropped = tuple(piece for utterance in said for piece in utterance.dropped)
    return Spoken(speech, word_features, dropped, _remarks(voice, said, prompt, speech, word_features, dropped))


def write_wav(path: Path, speech: Speech) -> None:
    """Write *speech* as 16-bit PCM, whole or not at all. It may replace a wav; OutputExistsError for any other file."""
    require_same_kind(path, b"RIFF")
    with new_file(path) as file:
        soundfile.write(file, speech.waveform, speech.sample_rate, format="WAV", subtype="PCM_16")


def _roberta(pretrained: Sequence[Path]) -> Path:
    found = Pretrained.find(*pretrained).roberta
    if found is None:
        raise PretrainedMissingError(
            "a RoBERTa (upstream's is chinese-roberta-wwm-ext-large)",
            "speaking Chinese with word features",
            "without --pretrained zeros stand for them",
        )
    return found


def _remarks(
    voice: Voice,
    said: Sequence[Utterance],
    prompt: Prompt,
    speech: Speech,
    word_features: WordFeatures,
    dropped: Sequence[str],
) -> tuple[str, ...]:
    remarks = []
    if voice.description.preview:
        remarks.append("This voice is a preview: it may stumble, and it does not yet sound like the person.")
    if word_features == "zeros":
        remarks.append(
            "Zeros stand for the word features of the Chinese: the voice learnt them from a RoBERTa and will stress "
            "words less well. --pretrained names a folder with one."
        )
    takes = int(str(voice.description.gpt["word_features"])) and prompt.phonemes.size
    if takes and prompt.language.endswith(WITH_WORD_FEATURES) and prompt.word_features is None:
        remarks.append("The prompt's words are Chinese and have no word features: it was made without a RoBERTa.")
    if dropped:
        remarks.append(f"Left out, because this voice cannot say it in the language asked for: {', '.join(dropped)}.")
    cut_off = sum(sentence.stopped == "length" for sentence in speech.sentences)
    if cut_off:
        remarks.append(f"Cut off, because they found no end: {cut_off} of {len(speech.sentences)} sentences.")
    return tuple(remarks)
