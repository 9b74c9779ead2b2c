"""Streamlit as ``python serving.py SCRIPT OPTIONS``, whose trainings leave the cores to the browser that watches them.

Before each step a run waits for a moment. On two cores a tiny network would otherwise take hundreds of steps a second
from the pages, and the tests, which look at what a page shows of a race, would wait for it.
"""

import sys
import time

from streamlit.web import cli

from dmf.runs.sink import StoreCommands

SECONDS = 0.03
own = StoreCommands.take


def take(self, run):
    time.sleep(SECONDS)
    return own(self, run)


StoreCommands.take = take
sys.argv = ["streamlit", "run", *sys.argv[1:]]
cli.main()
