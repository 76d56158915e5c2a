"""The worker: claims jobs and does them."""

from lookalike.worker.policy import Verdict, error_policy
from lookalike.worker.worker import Handler, Worker

__all__ = ["Handler", "Verdict", "Worker", "error_policy"]
