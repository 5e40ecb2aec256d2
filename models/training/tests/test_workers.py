"""Several processes: they do what one does, say what went wrong, and leave when they are no longer wanted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from turbo_training.workers import cores, each

HERE = Path(__file__).parent


def write(folder: Path, name: str) -> None:
    (folder / name).write_text(f"{os.getpid()} {torch.get_num_threads()}")


def fail(folder: Path, name: str) -> None:
    write(folder, name)
    if name == "3":
        raise ValueError("nothing is known of 3")


def sleep(folder: Path, name: str) -> None:
    write(folder, name)
    time.sleep(600)


def test_two_do_what_one_does(tmp_path: Path) -> None:
    names = [str(index) for index in range(6)]
    assert len(list(each(write, [(tmp_path, name) for name in names], 2))) == 6
    said = [(tmp_path / name).read_text().split() for name in names]
    assert str(os.getpid()) not in {own for own, _ in said} and {threads for _, threads in said} == {"1"}
    assert len(list(each(write, [(tmp_path, name) for name in names], 1))) == 6
    assert {(tmp_path / name).read_text().split()[0] for name in names} == {str(os.getpid())}
    assert cores() >= 1


@pytest.mark.parametrize("workers", [1, 2])
def test_what_goes_wrong_in_a_worker_is_said(tmp_path: Path, workers: int) -> None:
    with pytest.raises(ValueError, match="nothing is known of 3"):
        list(each(fail, [(tmp_path, str(index)) for index in range(6)], workers))


def test_workers_leave_when_who_began_them_is_killed(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]
from pathlib import Path
from test_workers import sleep
from turbo_training.workers import each
if __name__ == "__main__":
    list(each(sleep, [(Path({str(tmp_path)!r}), name) for name in "ab"], 2))
"""
    (tmp_path / "begin.py").write_text(script)
    began = subprocess.Popen([sys.executable, str(tmp_path / "begin.py")])
    try:
        _until(lambda: all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in "ab"))
        workers = [int((tmp_path / name).read_text().split()[0]) for name in "ab"]
        assert all(_is_there(worker) for worker in workers)
    finally:
        began.kill()
        began.wait()
    _until(lambda: not any(_is_there(worker) for worker in workers))


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, "it took a minute, and wasn't so"
        time.sleep(0.05)
