"""What a killed ingest leaves behind. About three minutes."""

from __future__ import annotations

from benchmarks.crash_safety.rounds import Attempt, killed_rounds
from benchmarks.harness import Bench, timed
from benchmarks.photos import distinct_copies
from benchmarks.rows import measured, median, quartiles

QUESTION = "What is lost or double when an ingest is killed with SIGKILL at 50 random moments?"
KILLS = 50
PHOTOS = 1_000
COMMIT_AFTER = 32


def measure(bench: Bench) -> None:
    photos = bench.folder("photos")
    distinct_copies(bench, photos, PHOTOS)
    whole = Attempt(bench.folder("whole"), photos, commit_after=COMMIT_AFTER)
    within_s, _ = timed(lambda: whole.run(kill_after_s=None))
    kills = max(3, bench.size(KILLS * 10) // 10)
    rounds = []
    for left in killed_rounds(
        bench.folder("killed"), photos, kills=kills, within_s=within_s, commit_after=COMMIT_AFTER
    ):
        bench.tick()
        rounds.append(left)
    killed = [left for left in rounds if left.killed]
    reopened = [left.reopened_s for left in killed]
    acknowledged = sum(left.acknowledged for left in killed)
    note = (
        f"{len(killed)} kills within {within_s:.1f} s of the start, {COMMIT_AFTER} files a commit; {acknowledged:,} "
        f"acknowledged files were looked for; {len(rounds) - len(killed)} runs ended in peace with exactly the photos"
    )
    bench.add(
        measured("kills", len(killed), "", target=f">= {kills}", note=note),
        measured("acknowledged files that were lost", sum(left.lost for left in rounds), "", target="<= 0"),
        measured("files, pictures or vectors that were double", sum(left.double for left in rounds), "", target="<= 0"),
        measured(
            "opening again, the slowest",
            max(reopened),
            "s",
            target="<= 2 s",
            note="with the index brought up to date or made anew",
        ),
        measured("opening again, the median", median(reopened), "s", spread=quartiles(reopened)),
    )
