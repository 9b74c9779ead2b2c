"""Other trainers, recorded: callbacks that show their runs live on the pages, and obey the buttons there.

Each is a module of its own that imports its library, so only who uses it needs it:
:mod:`dmf.integrations.lightning` and :mod:`dmf.integrations.transformers`.
"""
