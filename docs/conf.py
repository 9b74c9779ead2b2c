"""The pages of docs/ and the docstrings of the library, as a site: ``make docs``. A warning fails."""

from importlib.metadata import version as version_of

project = "Loss-weighting laboratory"
author = ""
version = release = version_of("dmf")

extensions = [
    "myst_parser",  # the pages are Markdown, as they are read elsewhere
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinxcontrib.mermaid",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]
exclude_patterns = ["images"]

html_theme = "furo"
html_title = project
html_show_copyright = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Shape", "Reference", ("Class attributes", "params_style")]
