"""What a wheel needs is there, or the wheel is named: a torch without its CUDA libraries would only fail later."""

from __future__ import annotations

from pathlib import Path

import pytest

from containers.errors import WheelError
from containers.locks import Chosen
from containers.needs import require_complete

THERE = [Chosen("onion", "2.1", Path("onion.whl"), ""), Chosen("sea-salt", "1.0", Path("salt.whl"), "")]


def complete(*needs: str) -> None:
    require_complete({Path("soup.whl"): needs}, THERE, python="3.11", architecture="amd64")


def test_what_is_there_or_is_for_another_machine_is_no_lack() -> None:
    complete(
        "onion>=2,<3",
        "Sea_Salt",
        "sugar; extra == 'sweet'",
        "pywin32; sys_platform == 'win32'",
        "tomli; python_version < '3.11'",
        "backport; python_full_version < '3.11'",
        "neon; platform_machine == 'aarch64'",
    )


@pytest.mark.parametrize(
    ("needed", "told"),
    [
        ("onion>=3", "needs onion>=3"),
        (
            "nvidia-cublas==13.1.1.3; platform_system == 'Linux'",
            "needs nvidia-cublas==13.1.1.3, which the lock does not",
        ),
        ("pepper", "needs pepper, which"),
        ("not a requirement", "needs 'not a requirement', which is no"),
    ],
)
def test_what_lacks_is_named(needed: str, told: str) -> None:
    with pytest.raises(WheelError, match=rf"soup\.whl {told}"):
        complete(needed)
