"""One YAML file a model: what it is called, how wide it is, what it is trained on and for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from .blocks import STRIDE
from .network import RISES, Generator, Widths

STEADY = 4.0
"""What `Config.steady` is where a recipe doesn't say: 0.18 of white is held, 0.3 let go."""


LEARNS = ("all", "skies", "detector", "lamps", "glow", "mirror")


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one mixture of data."""

    name: str
    steps: int
    rate: float
    """Learning rate; it rises over the first 100 steps and falls along a half cosine, so that short phases stay below it."""
    mixture: dict[str, int]
    """How many pictures of each source (`pairs`, `teacher`, `skies`, `target`, `still`, `passing`) are in a batch."""
    crop: tuple[int, int] | None = None
    """Height and width of its crops, where they are not the recipe's: pairs tell more of the whole picture the larger they are."""
    trust: float = 1.0
    """How much the tones that the painter gives count; at 0 it teaches what is emitted, where the sky goes and what it is sure of."""
    calm: float = 6.0
    """Weight of what changes in the output, from one moment to the next, where the input doesn't."""
    likeness: float = 0.0
    """Weight of the distance between whole translated pictures, as a set, and real pictures of the target domain."""
    veil: float = 0.0
    """Weight, in whole pictures, of light that lies over what is dark there: where an effect clears up rather than covers."""
    halo: float = 0.0
    """Weight, in whole pictures, of edges where the picture has none: halos, bands and blotches."""
    painted: float = 0.0
    """Weight of the painter's layers of those whole pictures: light is laid where they have it, not wherever it is like real pictures."""
    wholes: int = 1
    """How many pictures are translated whole for that, a step."""
    learns: str = "all"
    """Which part of the network does: `all` but its heads; `skies`: the same part, but only where the sky is, in marked photographs of
    night or in painted streets at dusk, while what else it makes of them stays as the phase found it; or, while all else stays as it is,
    of the light head `lamps`, where they and windows are, from what was marked and judged, or `glow`, how far lamps glow, from
    painted layers; or the `mirror` head, from where the painter is sure of ground. `detector` is no part of it: a larger one that learns
    what `lamps` does from the same, and is then asked about these pictures and more, so that `lamps` learns from its answers, too. Crops of
    both have a size of their own."""

    frozen: list[str] = field(default_factory=list)
    """Parts of the network that stay as they are all the same, such as `maps`."""

    @property
    def of_heads(self) -> bool:
        """Whether it teaches a head, or what a head learns from, and all else stays as it is."""
        return self.learns not in ("all", "skies")

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        warm = min(1.0, (step + 1) / 100)
        return self.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / self.steps)))


@dataclass(frozen=True)
class Source:
    """One set of pictures, with the licence under which it is used."""

    name: str
    licence: str
    folder: str
    """Glob below the data folder; empty where it is no pictures."""


@dataclass(frozen=True)
class Data:
    """Where the pictures are, relative to the data folder."""

    pairs: list[str]
    """Folders of NN_in.jpg / NN_out.jpg; a leading `~` reverses them."""
    source: list[str]
    """Globs of pictures of the source domain."""
    target: list[str]
    """Globs of real pictures of the target domain."""
    labelled: str = ""
    """Folder of pictures with class labels, for the painters."""
    labels: str = ""
    """Folder of the labels, same names."""
    marked: str = ""
    """File, below this package's folder, of street lamps that were marked by eye: for each picture, by name, all that are in it."""
    windows: str = ""
    """The same of boxes of which someone judged whether windows are in them, by picture: `windows` and `others`."""
    judged: str = ""
    """The same for spots that an earlier light head took for lamps, in other pictures, by their files: which are, and which aren't."""
    bonnets: str = ""
    """The same of where the car that films, its bonnet or dashboard, begins, for the painters of snow and rain: five heights at even
    distances from the left edge to the right one, in percent from above, 100 for none."""
    skies: str = ""
    """The same of where the sky ends in photographs of night, of those in `examples`: heights at even distances from the left
    edge to the right one, in percent from above, 0 where there is none, and null where that can't be told."""
    unmarked: list[str] = field(default_factory=list)
    """Globs of pictures, beside the source's, that a detector is asked about for the light head."""
    examples: list[str] = field(default_factory=list)
    """Globs of pictures to look at on sheets, where they are not the source's: real ones of what is translated backwards, of which those
    with a marked skyline teach, too."""
    painter: str = "night"
    """Which painter teaches: `night`, `fog`, `rain`, `clear` or `snow`."""
    wetted: list[str] = field(default_factory=list)
    """Globs of pictures that are made rainy for the painter of clear weather, beside the source's, which are so by themselves."""
    backwards: bool = False
    """Whether the painter's result is what goes in, and the picture that it started from is what should come out."""
    most: int = 1000
    """At most this many pictures of the source domain are painted, and as many that are made rainy first."""
    shown: list[str] = field(default_factory=list)
    """Globs of pictures whose licence allows to show them on the sheets beside the model."""
    overhead: list[str] = field(default_factory=list)
    """Globs of videos that look down on traffic, with no sky in view; `prepare` takes a few frames of each."""
    still: list[str] = field(default_factory=list)
    """Globs of videos from which `prepare` takes neighbouring frames: where nothing moves, the output must not either."""
    clips: list[str] = field(default_factory=list)
    """Globs of videos on which `evaluate` measures how calm the output is."""
    used: list[Source] = field(default_factory=list)
    """What the manifest names."""


@dataclass(frozen=True)
class Config:
    """A model's recipe."""

    id: str
    effect: str
    title: str
    description: str
    version: str
    licence: str
    seed: int
    crop: tuple[int, int]
    """Height and width of a training crop."""
    objective: str
    data: Data
    phases: list[Phase]
    widths: Widths = field(default_factory=Widths)
    begins: str = ""
    """Whose weights the recipe began from, if not at random; the manifest says so."""
    learn: str = "taught"
    """`taught` (painted layers, then pairs), or from two folders: `paired`, `unpaired`."""
    mixed: bool = True
    """How strength acts: straight from the picture to its translation; false where half the strength is half the exposure (dusk)."""
    floating: list[str] = field(default_factory=list)
    """Layers that the int8 variant leaves in floating point, with what is in them, since it would be livelier from frame to frame: there,
    roundings flicker. Their weights are stored as bytes all the same."""
    steady: float = STEADY
    """Change of light, in units of white, that lets a graph forget as a change of colour by 1 does (0.045 to 0.075 of it do): small, and
    no glow trails behind its lamp; large, and noise that an effect lifts out of the dark is calmed, too."""
    falls: str | None = None
    """What falls through the picture in the exported graph, moved by its `time` input: `rain`, `snow` or nothing."""
    relight: float = 0.15
    """How much the exposure and colours of a pair's input are changed: more, and what they say of the result is lost."""
    folds: int = 0
    """Into how many parts leave-one-out divides the pairs, each judged by a network that saw the others; 0 is a part for each pair."""
    average: float = 0.998
    """Decay of the weights' moving average, which is what is exported."""

    @property
    def steps(self) -> int:
        """How many steps taught what ships: all but a detector's."""
        return sum(phase.steps for phase in self.phases if phase.learns != "detector")

    @property
    def lamps(self) -> bool:
        """Whether light is emitted by few, small things."""
        return self.data.painter == "night" and not self.data.backwards


def load(path: Path) -> Config:
    """Reads a recipe; an unknown or missing key is an error that names it, and so is a weight that would do nothing."""
    with path.open(encoding="utf-8") as file:
        recipe: Config = _make(Config, yaml.safe_load(file), path.name)
    for phase in recipe.phases:
        for name in ("veil", "halo", "painted"):
            if getattr(phase, name) and not phase.likeness:
                raise ValueError(f"{path.name}: phase {phase.name} sets {name} but no likeness, without which no whole pictures are drawn")
        if phase.painted and recipe.data.backwards:
            raise ValueError(f"{path.name}: phase {phase.name} sets painted, but backwards no layers are laid over what goes in")
        if any(side % STRIDE for side in phase.crop or recipe.crop):
            raise ValueError(
                f"{path.name}: phase {phase.name} learns from crops of {phase.crop or recipe.crop}; sides are multiples of {STRIDE}"
            )
        if phase.learns not in LEARNS:
            raise ValueError(f"{path.name}: phase {phase.name} learns {phase.learns}; it can be {', '.join(LEARNS)}")
        head = "mirror" if phase.learns == "mirror" else "light"
        if phase.of_heads and (not getattr(recipe.widths, head) or set(phase.mixture) != {"teacher"}):
            raise ValueError(
                f"{path.name}: phase {phase.name} teaches the {head} head, which takes widths.{head} and a mixture of teacher alone"
            )
        if phase.of_heads and phase.likeness:
            raise ValueError(f"{path.name}: phase {phase.name} sets likeness, but the {head} head is not taught by whole pictures")
        if (phase.learns == "skies") != ("skies" in phase.mixture):
            raise ValueError(
                f"{path.name}: phase {phase.name} learns {phase.learns}, but `learns: skies` and skies in the mixture go together"
            )
        if phase.learns in ("detector", "lamps") and not (recipe.data.marked and recipe.data.windows):
            raise ValueError(f"{path.name}: phase {phase.name} learns {phase.learns}, but data.marked and data.windows don't say from what")
    heads = [phase.learns for phase in recipe.phases if phase.learns in ("detector", "lamps")]
    if heads != sorted(heads, key=LEARNS.index):
        raise ValueError(f"{path.name}: a phase learns detector after one that learns lamps, which is to learn from its answers")
    if set(recipe.widths.edged) - set(RISES):
        raise ValueError(f"{path.name}: widths.edged is {', '.join(recipe.widths.edged)}; it takes {', '.join(RISES)}")
    if recipe.widths.mirror and recipe.widths.light:
        raise ValueError(f"{path.name}: a network has a light head or a mirror head: widths.light or widths.mirror, not both")
    for head, parts in (("light", 3), ("mirror", 4)):
        widths = getattr(recipe.widths, head)
        if widths and len(widths) != parts:
            raise ValueError(f"{path.name}: widths.{head} has {len(widths)} numbers; it takes {parts}")
    if recipe.widths.mirror and recipe.data.painter != "rain":
        raise ValueError(f"{path.name}: widths.mirror is for rain that is painted")
    if recipe.data.backwards and recipe.data.painter != "night":
        raise ValueError(f"{path.name}: data.backwards is for the painter of night")
    for phase in recipe.phases:
        if phase.learns == "skies":
            _check_skies(recipe, phase, path.name)
        unknown = set(phase.frozen) - {name for name, _ in Generator(recipe.widths).named_children()} if phase.frozen else set()
        if unknown:
            raise ValueError(f"{path.name}: phase {phase.name} has {', '.join(sorted(unknown))} in frozen, which the network hasn't")
    if recipe.data.wetted and recipe.data.painter != "clear":
        raise ValueError(f"{path.name}: data.wetted is for the painter of clear weather")
    if recipe.folds == 1:
        raise ValueError(f"{path.name}: one fold leaves no pairs to learn from; 0 is a fold for each pair")
    return recipe


def _check_skies(recipe: Config, phase: Phase, name: str) -> None:
    if not set(phase.mixture) <= {"skies", "still", "passing"} or phase.trust != 1.0:
        raise ValueError(f"{name}: phase {phase.name} learns skies, beside which it can take still and passing, and no trust")
    data = recipe.data
    if not (data.skies and data.backwards) and (data.skies or data.painter != "rain"):
        raise ValueError(f"{name}: phase {phase.name} learns skies: at night, backwards, by marks in data.skies, or those of painted rain")


def _make(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        unknown = set(value) - {f.name for f in fields(kind)}
        if unknown:
            raise ValueError(f"{where}: unknown key {', '.join(sorted(unknown))}")
        try:
            return kind(**{k: _make(hints[k], v, f"{where}.{k}") for k, v in value.items()})
        except TypeError as error:
            raise ValueError(f"{where}: {error}") from error
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is list:
        return [_make(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value)]
    if origin is UnionType:
        return None if value is None else _make(arguments[0], value, where)
    if origin is tuple:
        return tuple(value)
    return float(value) if kind is float else value
