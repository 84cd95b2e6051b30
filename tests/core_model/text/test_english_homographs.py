"""Words of two sounds, in sentences where everyone hears which."""

import pytest

from core_model.text.front_end import FrontEnd


@pytest.fixture(scope="module")
def front_end() -> FrontEnd:
    return FrontEnd()


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("They live near the live music.", ["L IH1 V", "L AY1 V"]),
        ("I record a record every day.", ["R IH0 K AO1 R D", "R EH1 K ER0 D"]),
        ("We object to the object.", ["AH0 B JH EH1 K T", "AA1 B JH EH0 K T"]),
        ("Please present the present.", ["P R IY0 Z EH1 N T", "P R EH1 Z AH0 N T"]),
        ("I like to read.", ["R IY1 D"]),
        ("He has read it.", ["R EH1 D"]),
        ("I read it yesterday.", ["R EH1 D"]),
        ("The lead singer bought lead pipes.", ["L IY1 D", "L EH1 D"]),
        ("Close the door, we are close.", ["K L OW1 Z", "K L OW1 S"]),
        ("I used to use it; it is of no use.", ["Y UW1 S T", "Y UW1 Z", "Y UW1 S"]),
        ("He will wind the clock in the wind.", ["W AY1 N D", "W IH1 N D"]),
        ("Smith lives at home; their lives changed.", ["L IH1 V Z", "L AY1 V Z"]),
        ("The bandage was wound around the wound.", ["W AW1 N D", "W UW1 N D"]),
        ("This content made me content.", ["K AA1 N T EH0 N T", "K AH0 N T EH1 N T"]),
        ("They quickly permit a permit.", ["P ER0 M IH1 T", "P ER1 M IH2 T"]),
    ],
)
def test_the_neighbours_decide(front_end: FrontEnd, text: str, sounds: list[str]) -> None:
    heard = " ".join(front_end.phonemize(text, "en").symbols)
    place = 0
    for sound in sounds:
        place = heard.find(sound, place)
        assert place >= 0, (sound, heard)
        place += len(sound)
