"""Configurations as a voice keeps them: what names a person goes, what no text can hold is refused."""

from __future__ import annotations

import pytest

from lifecycle.configurations import require_text, without_directories


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/home/jane doe/GPT-SoVITS/logs/anna", "anna"),
        ("C:\\Users\\Jane\\GPT-SoVITS\\pretrained\\s2G488k.pth", "s2G488k.pth"),
        ("d:/voices/anna/", "anna"),
        ("\\\\server\\jane\\anna", "anna"),
        ("~/voices/anna", "anna"),
        ("file:///home/jane/anna", "anna"),
        ("/", ""),
    ],
)
def test_of_a_rooted_path_the_last_part_is_left(path: str, left: str) -> None:
    assert without_directories({"x": path}) == ({"x": left}, ("x",))


@pytest.mark.parametrize(
    "value",
    ["logs/anna", "GPT_SoVITS/pretrained_models/s2G.pth", "25hz", "", "0", "~5", 3, None, 1e-9, "and/or", "A: B"],
)
def test_everything_else_stays(value: object) -> None:
    assert without_directories({"x": value}) == ({"x": value}, ())


def test_every_depth_is_looked_at_and_named() -> None:
    config = {"a": {"b": ["/x/y", {"c": "/u/v"}]}, "d": 1}
    assert without_directories(config) == ({"a": {"b": ["y", {"c": "v"}]}, "d": 1}, ("a.b[0]", "a.b[1].c"))
    assert config["a"] == {"b": ["/x/y", {"c": "/u/v"}]}, "what came in is not changed"


@pytest.mark.parametrize(
    "config",
    [
        {"a": float("nan")},
        {"a": [float("-inf")]},
        {"a": "\ud800"},
        {"\udfff": 1},
        {"a": {1: 2}},
        {"a": [{"b": {3: 4}}]},
    ],
)
def test_what_would_not_come_back_from_json_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="its configuration holds what no text can"):
        require_text(config, "")
    require_text({"a": [1, 2.5, None, True, "\0声", {"b": {}}]}, "8epoch_400iteration")


def test_an_info_is_text_too() -> None:
    with pytest.raises(ValueError, match="holds what no text can"):
        require_text({}, "\udc80")
