"""Studies: planned repetitions of experiments, engines that train them, and what can be concluded. Opens without torch.

The engines import torch where they train: :mod:`dmf.studies.local`.
"""

from dmf.studies.adapting import adapted
from dmf.studies.built_in import PLANS, find_plan
from dmf.studies.plan import Axis, Budget, StudyPlan, cells, read_plan
from dmf.studies.plan_text import PlanText, read_typed, typed

__all__ = [
    "PLANS",
    "Axis",
    "Budget",
    "PlanText",
    "StudyPlan",
    "adapted",
    "cells",
    "find_plan",
    "read_plan",
    "read_typed",
    "typed",
]
