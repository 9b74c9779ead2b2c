"""``python -m dmf`` is ``dmf``."""

from dmf.cli import main

if __name__ == "__main__":
    main()
