"""Makes test/fixtures/canny: pictures, and the edges that cv2.Canny(picture, 100, 200) draws on them.

    python test/oracle/make-canny-fixtures.py ../shared/data/day

The two photographs are cut from files of that folder whose repositories are under the MIT licence (Udacity's
CarND-Advanced-Lane-Lines and codeformuenster/traffic-cam).

    python test/oracle/make-canny-fixtures.py --check canny.onnx FOLDER

compares a graph (uint8 [1, H, W, 3] to 0 or 1, [1, 1, H, W]) with OpenCV on every picture of a folder instead.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "canny"


def spiral(side: int) -> np.ndarray:
    """A faint band that winds to the middle, where one bright spot makes the whole of it an edge."""
    picture = np.zeros((side, side, 3), np.uint8)
    points, low, high = [], 4, side - 5
    while low < high:
        points += [(low, low), (high, low), (high, high), (low + 8, high), (low + 8, low + 8)]
        low, high = low + 8, high - 8
    cv2.polylines(picture, [np.array(points)], False, (35, 35, 35), 3)
    picture[side // 2 - 1 : side // 2 + 2, side // 2 - 1 : side // 2 + 2] = 255
    return picture


def pictures(day: Path) -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    noise = random.integers(0, 256, (61, 37, 3)).astype(np.uint8)
    ties = np.zeros((24, 40, 3), np.uint8)
    # The same step in two channels, in opposite directions, and edges of equal strength side by side.
    ties[:, 20:, 0], ties[:, :20, 1], ties[::2, 30:, 2] = 60, 60, 60
    road, square = cv2.imread(str(day / "carnd4_test2.jpg")), cv2.imread(str(day / "muenster_0.jpg"))
    return {
        "road": road[380:559, 500:821],
        "square": square[300:451, 400:633],
        "noise": cv2.GaussianBlur(noise, (3, 3), 0),
        "grain": noise,
        "spiral": spiral(120),
        "ties": ties,
        "dot": noise[:1, :1],
        "flat": np.full((9, 5, 3), 200, np.uint8),
    }


def canny(picture: np.ndarray) -> np.ndarray:
    # The authors give it the picture as red, green, blue; of equally steep channels the first counts.
    return cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), 100, 200)


def check(model: str, folder: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(model)
    different = total = 0
    for file in sorted(folder.rglob("*.jpg")):
        picture = cv2.imread(str(file))
        picture = picture[: picture.shape[0] - total % 7, : picture.shape[1] - total % 5].copy()
        frame = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)[None]
        edges = session.run(None, {"frame": frame})[0][0, 0] != 0
        different += int((edges != (canny(picture) != 0)).sum())
        total += edges.size
    print(f"{different} of {total} pixels differ")


def main(arguments: list[str]) -> None:
    if arguments[0] == "--check":
        return check(arguments[1], Path(arguments[2]))
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures(Path(arguments[0])).items():
        cv2.imwrite(str(FIXTURES / f"{name}.png"), picture)
        cv2.imwrite(str(FIXTURES / f"{name}-edges.png"), canny(picture))


main(sys.argv[1:])
