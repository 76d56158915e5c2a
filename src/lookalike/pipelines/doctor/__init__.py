"""Doctor: examine a collection and what it stands on, say what to do, and repair what can be made anew."""

from lookalike.pipelines.doctor.examine import examine
from lookalike.pipelines.doctor.finding import Finding, Status
from lookalike.pipelines.doctor.leftovers import sweep
from lookalike.pipelines.doctor.patient import ModelPlace, Patient
from lookalike.pipelines.doctor.repair import repair

__all__ = ["Finding", "ModelPlace", "Patient", "Status", "examine", "repair", "sweep"]
