"""Runs exported graphs the way the engine does."""

from __future__ import annotations

import numpy as np
import onnxruntime

from .memory import NOTHING

Feeds = dict[str, np.ndarray]


def start(session: onnxruntime.InferenceSession, strength: float = 1.0, time: float = 0.0) -> Feeds:
    """All that a graph takes beside the frame, with nothing remembered: strength; the time in seconds and states, if it has them."""
    given = {"strength": np.array([strength], np.float32), "time": np.array([time], np.float32)}
    inputs = [i for i in session.get_inputs() if i.name != "frame"]
    return {i.name: given[i.name] if i.name in given else np.full((1, i.shape[1], 1, 1), NOTHING, np.float32) for i in inputs}


class Sequence:
    """The frames of one video, one after the other: what the graph remembers of one is given to it with the next.

    Several sessions take frames in turn and share no memory, as in the engine.
    """

    def __init__(self, session: onnxruntime.InferenceSession, sessions: int = 1) -> None:
        self._session = session
        self._memories: list[Feeds] = [{} for _ in range(sessions)]
        self._turn = 0

    def next(self, frame: np.ndarray, strength: float, time: float = 0.0) -> np.ndarray:
        """The next frame, translated."""
        turn = self._turn % len(self._memories)
        self._turn += 1
        feeds = {"frame": frame, **start(self._session, strength, time), **self._memories[turn]}
        names = [output.name for output in self._session.get_outputs()]
        found = dict(zip(names, self._session.run(names, feeds), strict=True))
        translated = found.pop("translated")
        self._memories[turn] = {name.replace("next", "previous", 1): value for name, value in found.items()}
        return translated


def run(session: onnxruntime.InferenceSession, frame: np.ndarray, strength: float, time: float = 0.0) -> np.ndarray:
    """One frame through the graph, with nothing remembered."""
    return Sequence(session).next(frame, strength, time)
