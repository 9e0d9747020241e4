from __future__ import annotations

import subprocess
import sys

import pytest

from scansearch.data.augment_settings import AugmentSettings
from scansearch.errors import ScansearchError


def test_every_setting_is_described_and_off() -> None:
    assert all(field.description for field in AugmentSettings.model_fields.values())
    assert not AugmentSettings().mixes


def test_replace_validates() -> None:
    settings = AugmentSettings(shift=0.1)
    assert settings.replace(flip=0.5) == AugmentSettings(shift=0.1, flip=0.5)
    for changes, message in (
        ({"flop": 1}, "unknown setting 'flop'; there is: crop_min, shift, "),
        ({"flip": 2}, "flip: .* less than or equal to 1, but got 2"),
        ({"flip": "often"}, "flip: .*'often'"),
        ({"erase_min": 0.5, "erase_max": 0.1}, "erase_min <= erase_max must hold, but got 0.5 and 0.1"),
    ):
        with pytest.raises(ScansearchError, match=message) as caught:
            settings.replace(**changes)
        assert "\n" not in str(caught.value)


def test_settings_need_no_torch() -> None:
    code = "import sys; import scansearch.data.augment_settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
