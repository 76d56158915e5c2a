"""What another process does to a ledger: `python -m tests.unit.ledger.postgres.programs URL`; it never ends."""

from __future__ import annotations

import sys
from threading import Event

from lookalike.ledger.base import UploadState
from lookalike.ledger.postgres import PostgresLedger
from tests.contract.test_ledger import upload

if __name__ == "__main__":
    with PostgresLedger(sys.argv[1]).transaction() as within:
        within.advance_upload(upload(1, state=UploadState.KEPT), only_from=[UploadState.WAITING])
        within.jobs.claim(["embed"], worker="who dies", lease_s=1_000)
        print("within", flush=True)
        Event().wait()
