"""What methods promise, and what they do: the contract of weightings, losses, schedules, models, datasets; and probes.

Meant for whoever adds one: ``dmf check-method my_method.py`` runs the contract on a file of someone's own.
"""

from dmf.methods.checking import Finding, check_method, methods_called, methods_of

__all__ = ["Finding", "check_method", "methods_called", "methods_of"]
