"""Experiments trained from the store: in the foreground, or in background threads of a server."""

from dmf.jobs.job import Job, OnStep, check_experiment, create_experiment
from dmf.jobs.manager import JobManager
from dmf.runs import new_owner

__all__ = ["Job", "JobManager", "OnStep", "check_experiment", "create_experiment", "new_owner"]
