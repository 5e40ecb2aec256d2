"""The part of the graph that remembers: what does not move keeps its features, so that it does not flicker. It is not learnt.

A state goes from frame to frame: the finest features, the mean colour of each cell, and for how many frames it has been as it is.
Where a cell and its neighbours have the colours that they had, and the network says much the same of them, the features are the mean
of those frames, so that what a cell took on while something passed it is soon outweighed; at last they go over into the frame's own
by a thousandth a frame. Where not, the frame's own are taken at once. Where less than nine tenths of the picture is the same, less is
kept anywhere, since then the camera moves. With no state, and after a cut to other colours, nothing is kept, to the bit; where a cut
leaves some of the picture as it was (black bars, night after night), a share of that is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .network import Widths
from .nodes import Nodes
from .see import Weights

OLDEST = 1000.0
"""Frames that a mean is taken over, at most. The first frame counts as that many, being as good as any: a mean that still settles moves
the whole picture a little with every frame, by more than the noise of a camera whose picture is burnt out. Two sessions that take turns,
each with a first frame of its own, need minutes to agree."""
SAME, OTHER = 0.045, 0.075
"""Changes up to which a cell is the same, and from which on it is another, of the square root of its colour, so that what moves in
the dark is seen, too: 7 % and 11 % of white in a middle grey, a fifth to a quarter of that in black."""
DIMMEST = 0.02
"""Added to colours before the root is drawn, or the noise of black would count as movement."""
GAIN = 4.0
"""How many times as much as light a logarithm of gain may change before it counts as much."""
MIRRORED = 2.0
"""How many times as much as a colour the light that wet ground mirrors may change: 0.09 is held, 0.15 let go. Most mirrors are fainter: one
may stay for a while after what it showed has left. With half of this, a burnt-out road would be two thirds as calm."""
CALM = 0.9
"""Share of the picture that must be the same for all to be kept. Less is where a camera moves, and what trees and posts left in a plain sky
would stay there; or where a still camera sees a busy street, whose flicker is hardly seen."""
NOTHING = -1000.0
"""What a state is filled with before the first frame."""


@dataclass(frozen=True)
class State:
    """A tensor [1, channels, h, w] that the graph takes, and gives anew for the next frame; it begins as one cell of NOTHING."""

    input: str
    output: str
    channels: int

    @property
    def shape(self) -> list[int]:
        return [1, self.channels, 1, 1]

    def nothing(self) -> np.ndarray:
        return np.full(self.shape, NOTHING, np.float32)


def states(widths: Widths) -> list[State]:
    """What goes from frame to frame: the features, and the colour and the age of each cell."""
    features, cells = (
        State("previousFeatures", "nextFeatures", widths.quarter + widths.told),
        State("previousCells", "nextCells", 3),
    )
    return [features, cells, State("previousAge", "nextAge", 1)]


def remember(g: Nodes, w: Weights, colours: str, features: str, steady: float) -> str:
    """The features with what is remembered, which are the first state, too. Takes the mean colour of each cell; `steady` is as `Config`
    has it."""
    colours = g.add("Sqrt", [g.add("Add", [colours, g.floats([DIMMEST], "colours.dimmest")], "colours.lifted")], "colours")
    back = {name: g.add("Sub", [f"previous{name}", now], f"next{name}.back") for name, now in (("Cells", colours), ("Features", features))}
    keep = _aged(g, _same(g, back["Cells"], g.conv(back["Features"], _weights(w, steady), "change.maps")))
    _mix(g, colours, back["Cells"], keep, "nextCells")
    return _mix(g, features, back["Features"], keep, "nextFeatures")


def _weights(w: Weights, steady: float) -> np.ndarray:
    """Those that predict the maps, in units of a change of colour: [9, features, 1, 1], or [12, ...] with a mirror head. What the
    network says of a cell may change without its colours, where a lamp comes near that throws its glow there; that mustn't trail behind
    the lamp. What is mirrored has a rule of its own."""
    weights = w.get("seen.weight", w["maps.weight"]) / np.array([GAIN * steady] * 6 + [steady] * 3, np.float32).reshape(9, 1, 1, 1)
    return np.concatenate([weights, w["mirrors.weight"] / MIRRORED]) if "mirrors.weight" in w else weights


def _same(g: Nodes, *changes: str) -> str:
    """How much each cell is what it was, [1, 1, h, w], 0 to 1, by how much it has changed, [1, n, h, w] each."""
    change = g.add("Abs", [g.add("Concat", list(changes), "change.signed", axis=1)], "change.all")
    change = g.add("ReduceMax", [change], "change", axes=[1], keepdims=1)
    change = g.add("MaxPool", [change], "change.near", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    slope = g.floats([1 / (SAME - OTHER)], "same.slope")
    none, whole = (g.constant(np.array(value, np.float32), f"same.{name}") for name, value in (("none", 0), ("whole", 1)))
    same = g.add("Sub", [change, g.floats([OTHER], "same.other")], "same.distance")
    same = g.add("Clip", [g.add("Mul", [same, slope], "same.line"), none, whole], "same.alone")
    calm = g.add("Div", [g.add("ReduceMean", [same], "calm.mean", keepdims=1), g.floats([CALM], "calm.enough")], "calm.share")
    return g.add("Mul", [same, g.add("Min", [calm, whole], "calm")], "same")


def _aged(g: Nodes, same: str) -> str:
    """What share of each cell's past is kept, [1, 1, h, w]: that which it has in the mean of its frames, if it is the same. Gives the next
    frame an age by which its share in that mean is as large as the past's is now: one frame's, where nothing was kept.

    A cell that was never seen before begins with the greatest age (its own, NOTHING, is below none).
    """
    one = g.floats([1], "age.one")
    age = g.add("Relu", ["previousAge"], "age")
    share = g.add("Div", [age, g.add("Add", [age, one], "age.older")], "age.share")
    keep = g.add("Mul", [same, share], "keep")
    first = g.add("Relu", [g.add("Neg", ["previousAge"], "age.unseen")], "age.first")
    grown = g.add("Add", [g.add("Div", [one, g.add("Sub", [one, keep], "age.new")], "age.grown"), first], "age.next")
    g.add("Min", [grown, g.floats([OLDEST], "age.oldest")], "nextAge")
    return keep


def _mix(g: Nodes, now: str, back: str, keep: str, name: str) -> str:
    """now + keep * back, which is what was before less now: where nothing is kept, the very bits of now."""
    return g.add("Add", [now, g.add("Mul", [back, keep], f"{name}.kept")], name)
