"""What pages and their components are given to show: plain data, which nobody here reads, computes or changes.

``app.access`` makes it of what the library knows. The library's own rows and findings that are shown as they are have
their names here as well, so that a component names what it draws, and knows nothing else of the library.
"""

from app.views.comparing import ComparedRun, NamedMetric, PlayedRuns
from app.views.datasets import Facts, ImportedDataset, Picture, Preview, Question, Source, Split
from app.views.inspecting import CaseTags, Fit, InspectedRun, KeptCase, NetworkView, Which, Window
from app.views.lab import Evenness, History, Weights
from app.views.study import DryRun, StudyResults, StudyView
from app.views.training import Checked, Choices, QueueEntry, SettingsChanged
from dmf.analysis.behaviour import Behaviour
from dmf.analysis.comparison import Comparison, Over
from dmf.analysis.group_results import Results
from dmf.analysis.grouping import Band
from dmf.analysis.grouping import Spread as BandSpread
from dmf.analysis.live import LiveRun
from dmf.analysis.near_uniform import NearUniform, Spread
from dmf.analysis.overview import ExperimentSummary, RunSummary
from dmf.analysis.playback import Playback
from dmf.analysis.progress import Snapshot
from dmf.data import Finding, Problem, Report
from dmf.metric_info import MetricInfo
from dmf.replay import Explanation, Sensitivity, Synthetic
from dmf.runs import EventRow, ExperimentRow, ExportFormat, RunRow, SampleRow
from dmf.studies import PlanText

__all__ = [
    "Band",
    "BandSpread",
    "Behaviour",
    "CaseTags",
    "Checked",
    "Choices",
    "ComparedRun",
    "Comparison",
    "DryRun",
    "Evenness",
    "EventRow",
    "ExperimentRow",
    "ExperimentSummary",
    "Explanation",
    "ExportFormat",
    "Facts",
    "Finding",
    "Fit",
    "History",
    "ImportedDataset",
    "InspectedRun",
    "KeptCase",
    "LiveRun",
    "MetricInfo",
    "NamedMetric",
    "NearUniform",
    "NetworkView",
    "Over",
    "Picture",
    "PlanText",
    "Playback",
    "PlayedRuns",
    "Preview",
    "Problem",
    "Question",
    "QueueEntry",
    "Report",
    "Results",
    "RunRow",
    "RunSummary",
    "SampleRow",
    "Sensitivity",
    "SettingsChanged",
    "Snapshot",
    "Source",
    "Split",
    "Spread",
    "StudyResults",
    "StudyView",
    "Synthetic",
    "Weights",
    "Which",
    "Window",
]
