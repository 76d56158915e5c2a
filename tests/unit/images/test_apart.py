"""Pictures are decoded in other processes as they are in this one, and bring down no more than those."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.core.errors import DecoderDied, ImageRefused, Interrupted, ServiceDown
from lookalike.images.apart.decoders import DecoderProcesses
from lookalike.images.decode import DecodedImage, decode
from lookalike.images.limits import ImageLimits
from tests.processes import next_line
from tests.unit.images.pictures import encoded, every_kind, scene
from tests.waiting import eventually

POISONED = (sys.executable, str(Path(__file__).with_name("poisoned_child.py")))
MEMORY, SECONDS = 400_000_000, 60.0
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the system has no limit of memory for a process")
GOOD = encoded(scene(), "PNG")


@pytest.fixture(scope="module")
def apart() -> Iterator[DecoderProcesses]:
    with closing(DecoderProcesses(count=1, memory_bytes=MEMORY, timeout_s=SECONDS)) as decoders:
        yield decoders


@pytest.fixture
def poisoned() -> Iterator[DecoderProcesses]:
    with closing(DecoderProcesses(count=1, memory_bytes=MEMORY, timeout_s=SECONDS, program=POISONED)) as decoders:
        yield decoders


def same(one: DecodedImage, other: DecodedImage) -> bool:
    facts = [(it.width, it.height, it.format, it.taken_at, it.camera, it.lacks_its_end) for it in (one, other)]
    return facts[0] == facts[1] and np.array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("kind", sorted(every_kind()))
@pytest.mark.parametrize("min_side", [None, 16])
def test_a_picture_is_the_same_wherever_it_is_decoded(apart: DecoderProcesses, kind: str, min_side: int | None) -> None:
    data = every_kind()[kind]
    assert same(apart.decode(data, min_side=min_side), decode(data, min_side=min_side))


@pytest.mark.parametrize("data", [b"", b"a text", GOOD[:100], encoded(scene(), "JPEG")[:300]])
def test_what_is_refused_here_is_refused_there_in_the_same_words(apart: DecoderProcesses, data: bytes) -> None:
    with pytest.raises(ImageRefused) as here:
        decode(data)
    with pytest.raises(ImageRefused) as there:
        apart.decode(data)
    assert (str(there.value), there.value.code, there.value.values) == (
        str(here.value), here.value.code, here.value.values,
    )  # fmt: skip


def test_limits_hold_there_too(apart: DecoderProcesses) -> None:
    with pytest.raises(ImageRefused, match="at most 50 pixels"):
        apart.decode(GOOD, limits=ImageLimits(max_pixels=50))


@pytest.mark.parametrize(
    ("poison", "how", "trace"),
    [
        (b"crash", r"crashed \(SIGSEGV\)", "Segmentation fault"),
        pytest.param(b"grow", "ran out of memory", "MemoryError", marks=LINUX),
        (b"vanish", "was killed, perhaps because the system ran out of memory", ""),
        (b"fault", "its decoder failed", "a mistake of ours"),
        (b"lie", "said what makes no sense", ""),
    ],
)
def test_who_brings_a_decoder_down_is_told_how_and_the_next_picture_is_decoded(
    poisoned: DecoderProcesses, poison: bytes, how: str, trace: str
) -> None:
    with pytest.raises(DecoderDied, match=f"expected .*{how}.*: open it in an editor") as died:
        poisoned.decode(GOOD + poison)
    assert trace in "".join(getattr(died.value, "__notes__", [""]))
    assert same(poisoned.decode(GOOD), decode(GOOD))


def test_who_does_not_end_is_killed_when_the_time_is_over_and_the_next_picture_is_decoded() -> None:
    with closing(DecoderProcesses(count=1, memory_bytes=MEMORY, timeout_s=3.0, program=POISONED)) as decoders:
        with pytest.raises(DecoderDied, match=r"within 3 s .*did not end in time"):
            decoders.decode(GOOD + b"loop")
        eventually(lambda: _decodes(decoders))  # on a busy machine it may not start in that time


def _decodes(decoders: DecoderProcesses) -> bool:
    try:
        return same(decoders.decode(GOOD), decode(GOOD))
    except DecoderDied:
        return False


def test_what_a_library_prints_is_no_reply(poisoned: DecoderProcesses) -> None:
    assert same(poisoned.decode(GOOD + b"stray"), decode(GOOD))


def test_a_process_that_has_died_while_it_had_nothing_to_do_costs_no_picture(poisoned: DecoderProcesses) -> None:
    poisoned.decode(GOOD)
    (process,) = poisoned.pids()
    os.kill(process, signal.SIGKILL)
    eventually(lambda: poisoned.pids() == [])
    assert same(poisoned.decode(GOOD), decode(GOOD))


@LINUX
def test_a_file_that_is_larger_than_the_memory_is_told_so(poisoned: DecoderProcesses) -> None:
    with pytest.raises(DecoderDied, match="ran out of memory"):
        poisoned.decode(GOOD + bytes(MEMORY))
    assert same(poisoned.decode(GOOD), decode(GOOD))


@LINUX
def test_a_real_picture_that_takes_more_memory_than_it_may_is_refused_and_costs_this_process_none() -> None:
    large = encoded(Image.new("RGB", (6_000, 6_000)), "PNG")
    with closing(DecoderProcesses(count=1, memory_bytes=60_000_000, timeout_s=SECONDS)) as decoders:
        with pytest.raises((ImageRefused, DecoderDied), match=r"memory ran out|ran out of memory"):
            decoders.decode(large)
        assert same(decoders.decode(GOOD), decode(GOOD))


def test_no_more_pictures_are_decoded_at_once_than_was_said_and_each_has_its_own() -> None:
    N, pictures = 3, [encoded(scene(seed=seed), "PNG") for seed in range(12)]
    decoded: dict[int, DecodedImage] = {}
    with closing(DecoderProcesses(count=N, memory_bytes=MEMORY, timeout_s=SECONDS)) as decoders:

        def work(number: int) -> None:
            decoded[number] = decoders.decode(pictures[number])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(pictures))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        assert 1 <= len(decoders.pids()) <= N
    assert all(same(decoded[number], decode(data)) for number, data in enumerate(pictures))


def test_closing_kills_all_and_who_decodes_or_waits_is_told_that_it_was_stopped() -> None:
    told: list[BaseException] = []
    decoders = DecoderProcesses(count=1, memory_bytes=MEMORY, timeout_s=SECONDS, program=POISONED)

    def work() -> None:
        try:
            decoders.decode(GOOD + b"loop")
        except Interrupted as error:
            told.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    pids = eventually(decoders.pids)
    time.sleep(0.1)
    decoders.close()
    decoders.close()
    for thread in threads:
        thread.join(SECONDS)
    assert len(told) == 3
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    with pytest.raises(Interrupted):
        decoders.decode(GOOD)


ORPHANED = """
import sys
from lookalike.images.apart.decoders import DecoderProcesses
from lookalike.images.apart import child
decoders = DecoderProcesses(count=1, memory_bytes=10**9, timeout_s=0.5, program=sys.argv[1:3])
decoders._timeout_s = 3600.0
decoders.decode(open(sys.argv[3], "rb").read())
print(decoders.pids()[0], flush=True)
if sys.argv[4] == "loop":
    decoders.decode(open(sys.argv[3], "rb").read() + b"loop")
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="the system tells of processes in another way")
@pytest.mark.parametrize("busy", ["loop", "idle"])
def test_a_process_does_not_outlive_for_long_who_it_decodes_for(tmp_path: Path, busy: str) -> None:
    (tmp_path / "good.png").write_bytes(GOOD)
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANED, *POISONED, str(tmp_path / "good.png"), busy],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pid = int(next_line(parent))
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.communicate(timeout=SECONDS)
    eventually(lambda: not lives(pid))


def lives(pid: int) -> bool:
    """Zombies, of which nobody takes notice where nobody looks after orphans, live no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_process_runs_nothing_that_lies_in_the_folder_that_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faulthandler.py").write_text("raise SystemExit('run from here')")
    (tmp_path / "lookalike.py").write_text("raise SystemExit('run from here')")
    monkeypatch.chdir(tmp_path)
    with closing(DecoderProcesses(count=1, memory_bytes=10**9, timeout_s=60.0)) as decoders:
        assert decoders.decode(GOOD).format == "png"


def test_a_process_that_cannot_be_started_says_nothing_of_the_picture(tmp_path: Path) -> None:
    with closing(
        DecoderProcesses(count=1, memory_bytes=MEMORY, timeout_s=SECONDS, program=[str(tmp_path / "gone")])
    ) as decoders:
        for _ in range(2):
            with pytest.raises(ServiceDown, match=r"to start, but it could not \(.*No such file.*\): free memory"):
                decoders.decode(GOOD)
