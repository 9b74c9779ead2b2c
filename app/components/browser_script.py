"""Scripts of our components, from the modules they are written in.

Streamlit gives a component's script to the browser as one text, from which nothing can be imported. So modules are
joined here, each in a function of its own: what it does not export stays its own, as in the files. Nothing is shortened
and every line stays a line, so the browser's debugger shows the code as it is written.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_IMPORT = re.compile(r'^import \{(\s*\w+(?:\s*,\s*\w+)*,?\s*)\} from "(\.{1,2}/[\w./]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|function|class) (\w+))", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_DEFAULT = "export default "


def joined_script(entry: Path, constants: Mapping[str, str] | None = None, libraries: tuple[Path, ...] = ()) -> str:
    """One script of the module ``entry`` and all that it imports.

    Args:
        entry: A module with ``export default``, which is what Streamlit calls.
        constants: Names that all modules may use, and the text that each of them holds.
        libraries: Scripts, not modules, that come first; what they declare may be used by all modules.

    Raises:
        ValueError: If a module imports or exports in a form other than ``import { a, b } from "./c.js";`` and
            ``export`` before a const, function or class, or imports what is not exported, or modules import each other
            in a circle.
    """
    exports: dict[Path, set[str]] = {}
    parts: list[str] = []
    _add(entry.resolve(), entry.resolve(), exports, parts, ())
    return "\n".join(
        [
            *(library.read_text("utf-8") for library in libraries),
            *(f"const {name} = {json.dumps(text)};" for name, text in (constants or {}).items()),
            "const modules = {};",
            *parts,
            f"//# sourceURL=dmf/{entry.name}\n",
        ]
    )


def engine_and_part(name: str, engine: str, script: str, html: str) -> tuple[ComponentRenderer, ComponentRenderer]:
    """A component in two: an engine for each page, with the whole script, and what it draws in, whose message is small.

    Args:
        name: Of the component.
        engine: Name that the script starts as (``startEngine`` in ``browser/engine.js``).
        script: Of the engine; see :func:`joined_script`.
        html: Of what it draws in.
    """
    # Waits for the engine, wherever on the page it is mounted first. Small, because it travels with every message.
    waiting = f"""
const engine = (globalThis.{engine} ??= {{}});
engine.ready ??= new Promise((resolve) => {{ engine.start = resolve; }});
export default async (component) => (await engine.ready)(component);
"""
    # Streamlit takes a script for inline text, not a path, because it holds line breaks.
    return (
        st.components.v2.component(f"{name}_engine", js=script),
        st.components.v2.component(name, html=html, js=waiting),
    )


def _add(file: Path, entry: Path, exports: dict[Path, set[str]], parts: list[str], through: tuple[Path, ...]) -> None:
    """Adds a module to ``parts``, after those that it imports."""
    if file in exports:
        return
    if file in through:
        raise ValueError(f"{' <- '.join(path.name for path in (file, *reversed(through)))}: modules in a circle.")
    text = file.read_text("utf-8")
    for names, target in _IMPORT.findall(text):
        other = (file.parent / target).resolve()
        _add(other, entry, exports, parts, (*through, file))
        unknown = {name.strip() for name in names.split(",") if name.strip()} - exports[other]
        if unknown:
            raise ValueError(f"{file.name} imports {sorted(unknown)}, which {other.name} does not export.")

    def fetched(match: re.Match[str]) -> str:
        return f"const {{{match[1]}}} = modules[{json.dumps(_name((file.parent / match[2]).resolve(), entry))}];"

    exports[file] = set(_EXPORT.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub(fetched, text))
    odd = [line for line in _OTHER.findall(body) if not (file == entry and line.startswith(_DEFAULT))]
    if odd:
        raise ValueError(f"{file.name}: {odd[0]!r} is not a form of import or export that can be joined.")
    if file == entry:
        parts.append(f"// {_name(file, entry)}\n{body}")
        return
    name = json.dumps(_name(file, entry))
    parts.append(f"modules[{name}] = (() => {{\n{body}return {{ {', '.join(sorted(exports[file]))} }};\n}})();")


def _name(file: Path, entry: Path) -> str:
    """As the entry would name it."""
    return Path(os.path.relpath(file, entry.parent)).as_posix()
