"""The constants of painters, fitted to pairs."""

from __future__ import annotations

from streets import rainy_street, street

from turbo_training import clear, fitting, rain
from turbo_training.clear_tones import FITTED


def test_rain_is_fitted_to_a_picture_of_other_rain() -> None:
    """Of a street under another sky, in thicker haze: what is fitted to it comes near."""
    known = rain.fields(street())
    other = rain.FITTED._replace(sky=rain.FITTED.sky - 0.2, thickness=2 * rain.FITTED.thickness)
    target = sum(rain.layers(known, other)).clamp(0, 1)
    found = fitting.fit(fitting.FORMULAS["rain"], [(known, target)], steps=80)
    (before, _), (after, alike) = (fitting.judge(fitting.FORMULAS["rain"], known, target, tones) for tones in (rain.FITTED, found))
    assert after > before + 8 and alike > 0.95
    assert (found.sky - other.sky).abs().max() < 0.05


def test_clear_weather_is_fitted_to_a_picture_of_another_day() -> None:
    known = clear.fields(rainy_street())
    other = FITTED._replace(zenith=FITTED.zenith - 0.2, bright=0.7 * FITTED.bright)
    target = sum(clear.layers(known, other)).clamp(0, 1)
    found = fitting.fit(fitting.FORMULAS["clear"], [(known, target)], steps=80)
    (before, _), (after, alike) = (fitting.judge(fitting.FORMULAS["clear"], known, target, tones) for tones in (FITTED, found))
    assert after > before + 8 and alike > 0.95
