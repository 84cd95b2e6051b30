"""From reference recordings to a prompt: what a voice goes on from, without the recording itself.

Knows what each family's prompt is made of, and says what is missing where one cannot be made; not where prompts are
kept (core_model.voice). Reference: INFERENCE.md §§1-3.

    prompt = make_prompt(voice, [Reference(Path("ada.wav"), "Good morning.", "en")], Pretrained.find(folder))

    | given                          | tokens, phonemes       | style             | needs               |
    |--------------------------------|------------------------|-------------------|---------------------|
    | recording, its words           | HuBERT's; the words'   | the recording's   | HuBERT              |
    | recording, its words, tokens   | as given; the words'   | the recording's   | nothing             |
    | recordings without words       | none: no-text mode     | mean of them all  | nothing; not v3, v4 |
    | words, tokens, style           | as given; the words'   | as given          | nothing; not v3, v4 |

Every style of a v2Pro or v2ProPlus voice that is not given ready-made also needs the speaker-vector network. With
several recordings the first one's words count, and the style is the mean of all, the first included (upstream's TTS.py;
its WebUI leaves the first out). A v3 or v4 prompt holds the reference's mel, which is nearly the recording itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core_model.errors import PromptError
from core_model.features import reference_audio
from core_model.features.reference_mel import reference_mel
from core_model.listening import Listener
from core_model.pretrained import Pretrained
from core_model.sovits.dims import FlowMatchingDims
from core_model.utterances import prompt_utterance, with_word_features, word_features_wanted
from core_model.voice import Floats, Integers, Prompt, Voice


@dataclass(frozen=True, slots=True)
class Reference:
    """One recording and, of the first, what is said in it. The words are a person's: no repr shows them, no log may."""

    audio: Path | None = None  # None: its tokens and a style are given
    transcript: str | None = field(default=None, repr=False)
    language: str | None = None  # None: the voice's first


@dataclass(frozen=True, slots=True, eq=False)
class ReadyStyle:
    """A style that was made before: of how many recordings it is the mean."""

    values: Floats = field(repr=False)  # (1, S, 1)
    references: int = 1


def make_prompt(
    voice: Voice,
    references: Sequence[Reference],
    pretrained: Pretrained,
    tokens: Integers | None = None,
    *,
    style: ReadyStyle | None = None,
    listener: Listener | None = None,
) -> Prompt:
    """The prompt that *references* make for *voice*; *tokens* (T,) and *style* take the place of what they would give.

    PromptError and its kinds; PretrainedMissingError names the network that is missing and what would replace it;
    AudioError, TextError, VoiceError. *listener*: the voice's, where more than one prompt is made.
    """
    listener = listener or Listener(voice, pretrained)
    first = references[0] if references else Reference()
    _require_sense(voice, listener, references, tokens, style)
    language = first.language or voice.description.languages[0]
    mel = _mel(first, listener)
    if first.transcript is None:
        tokens, phonemes, features = np.zeros(0, np.int64), np.zeros(0, np.int64), None
    else:
        phonemes, features = _words(voice, first.transcript, language, listener)
        if tokens is None:
            assert first.audio is not None  # for mypy: _require_sense says so
            tokens = listener.tokens(reference_audio.for_tokens(first.audio))
    if style is None:
        recordings = [reference.audio for reference in references if reference.audio is not None]
        style = ReadyStyle(listener.mean_style(recordings), len(recordings))
    return Prompt(
        semantic_tokens=tokens.astype(np.int64),
        phonemes=phonemes,
        style=style.values,
        word_features=features,
        language=language,
        reference_mel=mel,
        references=style.references,
    )


def lacks_word_features(voice: Voice, prompt: Prompt, transcript: str | None) -> bool:
    """Whether *prompt* was made of Chinese words without a RoBERTa: the voice hears zeros where it learnt features."""
    if transcript is None or prompt.word_features is not None:
        return False
    return word_features_wanted(voice, [prompt_utterance(voice, transcript, prompt.language)])


def _require_sense(
    voice: Voice,
    listener: Listener,
    references: Sequence[Reference],
    tokens: Integers | None,
    style: ReadyStyle | None,
) -> None:
    """PromptError for what cannot become a prompt of this voice, before anything is loaded."""
    first = references[0] if references else Reference()
    recordings = [reference for reference in references if reference.audio is not None]
    family, continues = voice.description.family, _continues(listener)
    if any(reference.transcript is not None for reference in references[1:]):
        raise PromptError("only the first reference may have a transcript: the others lend their sound alone")
    if tokens is not None and first.transcript is None:
        raise PromptError("tokens alone are no prompt: give the words that they say with --transcript")
    if first.transcript is not None and first.audio is None and tokens is None:
        raise PromptError("a transcript needs the recording that says it, or its tokens in a --prompt-tokens file")
    if continues and (first.transcript is None or first.audio is None):
        missing = "its recording is" if first.transcript is not None else "the words of its recording are"
        raise PromptError(f"a voice of family {family} goes on from its reference, and {missing} missing")
    if continues and len(references) > 1:
        raise PromptError(f"a voice of family {family} goes on from one reference; {len(references)} were given")
    if style is None and not recordings:
        raise PromptError("there is no recording to take a style from: give --reference, --average or --style")


def _continues(listener: Listener) -> bool:
    """Whether the voice's decoder goes on from the reference's mel."""
    return isinstance(listener.dims.decoder, FlowMatchingDims)


def _mel(first: Reference, listener: Listener) -> Floats | None:
    decoder = listener.dims.decoder
    if not isinstance(decoder, FlowMatchingDims) or first.audio is None:
        return None
    return reference_mel(reference_audio.for_mel(first.audio, decoder.mel_sample_rate), decoder)


def _words(voice: Voice, transcript: str, language: str, listener: Listener) -> tuple[Integers, Floats | None]:
    """Phonemes (P,) and, where there is Chinese and a RoBERTa, its features (P, F)."""
    said = prompt_utterance(voice, transcript, language)
    width = int(str(voice.description.gpt["word_features"]))
    if word_features_wanted(voice, [said]) and (features := listener.word_features(width)) is not None:
        (said,) = with_word_features([said], features.of)
    return np.array(said.phonemes, np.int64), said.word_features
