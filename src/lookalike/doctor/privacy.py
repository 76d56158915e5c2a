"""Does anything phone: telemetry of the libraries in this process, and what it has left on this machine."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

from lookalike.core import telemetry
from lookalike.doctor.finding import Finding, fine, warning
from lookalike.doctor.patient import Patient

_REPORTERS = ("sentry_sdk", "posthog", "opentelemetry.sdk", "datadog", "ddtrace", "newrelic", "wandb")
"""Libraries whose purpose is to report what a program does; Lookalike imports none of them."""


def privacy(_: Patient) -> Iterator[Finding]:
    """Asks this process, after the model has been opened, and looks into the folders that telemetry writes to."""
    check = "privacy"
    if telemetry.imported_too_early():
        what = "ONNX Runtime's telemetry is on: it was imported before lookalike"
        yield warning(check, what, f"import lookalike first, or set {telemetry.VARIABLE}=1 before Python starts")
    elif telemetry.is_on():
        what = f"ONNX Runtime's telemetry is on: {telemetry.VARIABLE} says so"
        yield warning(check, what, f"unset {telemetry.VARIABLE}, or set it to 1")
    else:
        yield fine(check, "ONNX Runtime's telemetry is off")
    left = [str(path) for path in telemetry.leftovers()]
    if left:
        what = f"telemetry of ONNX Runtime, in whichever program, has left {', '.join(left)}"
        yield fine(check, what, f"nothing here needs them; to delete them: rm {shlex.join(left)}")
    else:
        yield fine(check, "no device id and no event store of ONNX Runtime's telemetry on this machine")
    reporting = [name for name in _REPORTERS if name in sys.modules]
    if reporting:
        what = f"this program has also imported {', '.join(reporting)}, which can report what it does"
        yield warning(check, what, "lookalike does not use them: look at how your program sets them up")
