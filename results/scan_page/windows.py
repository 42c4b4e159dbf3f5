"""Intensity windows to look through: which HU are black and which white."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """A named window.

    Attributes:
        name: what the page calls it.
        low_hu, high_hu: black and white.
    """

    name: str
    low_hu: float
    high_hu: float

    def within(self, low_hu: float, high_hu: float) -> Window:
        """The part of it that a picture from `low_hu` to `high_hu` can show; all of the picture where there is none."""
        low, high = max(self.low_hu, low_hu), min(self.high_hu, high_hu)
        return Window(self.name, low, high) if low < high else Window(self.name, low_hu, high_hu)

    def css(self, range_hu: tuple[float, float]) -> str:
        """The CSS filter that shows the window in a picture from `range_hu[0]` to `range_hu[1]`.

        A window is the line `slope · grey + offset`, clipped. `brightness(b) contrast(c)` is `c · (b · grey − ½) + ½`;
        nothing is clipped on the way that the window would not clip, as `c` is at least 1 within the picture's range.
        """
        low, high = range_hu
        part = self.within(low, high)
        slope, offset = (high - low) / (part.high_hu - part.low_hu), (low - part.low_hu) / (part.high_hu - part.low_hu)
        contrast = 1 - 2 * offset
        return f"brightness({slope / contrast:.5g}) contrast({contrast:.5g})"


STANDARD = Window("Standard", -100.0, 240.0)
"""The window of all pictures in reports."""
WINDOWS = (
    STANDARD,
    Window("Liver", -20.0, 190.0),
    Window("Enhanced, narrow", 60.0, 200.0),
    Window("Unenhanced, narrow", 0.0, 120.0),
    Window("Wide", -200.0, 300.0),
)
