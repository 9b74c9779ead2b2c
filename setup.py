"""Puts Streamlit's settings into the wheel. Everything else is said in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SETTINGS = ".streamlit/config.toml"


class BuildWithSettings(build_py):
    """Copies the settings beside the dashboard's script, where Streamlit looks whatever folder it is started in.

    In a checkout they lie where ``streamlit run app/main.py`` finds them.
    """

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            file = Path(self.build_lib, "app", SETTINGS)
            self.mkpath(str(file.parent))
            self.copy_file(SETTINGS, str(file))


setup(cmdclass={"build_py": BuildWithSettings})
