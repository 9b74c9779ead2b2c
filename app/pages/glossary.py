"""The Glossary page: the words of all pages, two sentences each; tooltips lead here."""

from app.components.glossary import glossary
from app.components.page_style import use_style

use_style()
glossary()
