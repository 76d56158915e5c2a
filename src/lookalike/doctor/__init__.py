"""Doctor: examine a collection and what it stands on, say what to do, and repair what can be made anew."""

from lookalike.doctor.examine import examine
from lookalike.doctor.finding import Finding, Status
from lookalike.doctor.leftovers import sweep
from lookalike.doctor.patient import ModelPlace, Patient
from lookalike.doctor.repair import repair

__all__ = ["Finding", "ModelPlace", "Patient", "Status", "examine", "repair", "sweep"]
