"""Visitors of a shared dashboard change nothing, whichever way they come; and nothing new escapes the check."""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import access, visitors
from dmf.errors import VisitorError
from dmf.runs import RunStore

ROOT = Path(__file__).parents[2]
ADDRESS = "http://192.168.1.20:8501"


@pytest.fixture(autouse=True)
def own_places(home: Path, store: RunStore) -> None:
    """Nothing is read or written but in places of the test's own."""


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> visitors.Sharing:
    """How this dashboard is shared, from now on."""
    monkeypatch.setenv("DMF_SHARE", ADDRESS)
    here = visitors.sharing()
    assert here is not None
    return here


def test_a_token_is_long_the_same_as_long_as_the_server_lives_and_in_no_text(shared: visitors.Sharing) -> None:
    assert len(shared.token) >= 43  # 32 bytes
    assert visitors.sharing() is shared
    assert shared.token not in repr(shared)
    assert visitors.Sharing(ADDRESS, None).token != shared.token


@pytest.mark.parametrize("given", [None, "", "x", "ü", "token"])
def test_only_the_token_itself_is_the_owners(shared: visitors.Sharing, given: str | None) -> None:
    assert not shared.is_owner(shared.token[:-1] if given == "token" else given)
    assert shared.is_owner(shared.token)


def test_cookies_of_two_ports_are_apart() -> None:
    assert visitors.Sharing(ADDRESS, None).cookie == "dmf-owner-8501"


def test_without_sharing_everybody_may_do_all() -> None:
    assert visitors.may_change()
    assert visitors.may_train()
    visitors.refuse_visitors()


# Which functions of ours change something, or look where visitors may not. The store refuses for itself as well.

STORE = ("store", "store_records", "store_studies", "store_commands")
"""Modules of ``dmf.runs`` whose methods together are the run store."""

LIBRARY = {
    *("unpack", "keep_answers", "sweep_unpacking", "listing", "import_predictions", "add_examples"),
    *("LocalEngine", "create_experiment", "store_plan", "estimate", "prepare_ahead"),
    *("load_plugin", "load_plugins", "load_stored", "launch", "resume", "read_losses", "read_header"),
}
"""Functions of the library that write, train, or read what somebody brings: of an argument, a folder, a file."""

FILES = {
    *("write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir", "rename", "symlink_to", "hardlink_to", "chmod"),
    *("rmtree", "copytree", "copyfile", "copy2", "mkdtemp", "TemporaryDirectory", "NamedTemporaryFile", "mkstemp"),
    *("Popen", "system", "check_call", "check_output", "remove", "makedirs", "removedirs", "expanduser"),
}
"""Of the standard library."""

EXCEPT = {
    "app.access.reading._open_store": "the program's own examples, once, before the store is anyone's",
    "app.access.plugins.load_plugins": "files that the owner named when starting",
    "app.access.checking._prepare_ahead": "asks for itself, since it keeps silent",
    "app.access.exporting.run_data": "a folder of its own, gone at once",
    "app.access.lab._csv": "a folder of its own, gone at once",
    "app.access.tour._open": "a folder of its own, of scenes that come with the program",
    "app.access.tour._remove": "that folder, at the end",
}
"""Functions that may, and why."""


def store_writes() -> set[str]:
    """Public methods of the run store that change it, by themselves or through one that does."""
    methods: dict[str, set[str]] = {}
    writing = {"_writing"}
    for module in STORE:
        for node in ast.walk(ast.parse((ROOT / "dmf" / "runs" / f"{module}.py").read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                calls = {call.func.attr for call in ast.walk(node) if is_method(call)}
                methods.setdefault(node.name, set()).update(calls)
    while more := {name for name, calls in methods.items() if calls & writing} - writing:
        writing |= more
    return {name for name in writing if not name.startswith("_")}


def is_method(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


def rooms() -> Iterator[Path]:
    """Files of what pages stand on."""
    yield from sorted((ROOT / "app" / "access").glob("*.py"))
    for task in sorted((ROOT / "app" / "tasks").iterdir()):
        yield from sorted(task.glob("access.py"))
        yield from sorted((task / "access").glob("*.py"))


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_checked(function: ast.FunctionDef) -> bool:
    names = {node.id for decorator in function.decorator_list for node in ast.walk(decorator) if hasattr(node, "id")}
    return bool(names & {check.__name__ for check in visitors.CHECKS})


def unguarded(module: str, text: str) -> list[str]:
    """Functions of a module that change something and are neither checked, nor called by checked ones alone."""
    sinks = store_writes() | LIBRARY | FILES
    tree = ast.parse(text)
    bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    functions = {
        node.name: node
        for body in bodies
        for node in body
        if isinstance(node, ast.FunctionDef) and not is_checked(node)
    }
    uses = {name: {called(node) for node in ast.walk(function)} - {""} for name, function in functions.items()}
    callers = {name: {other for other, calls in uses.items() if name in calls} - {name} for name in functions}
    wrong = []
    for name, calls in uses.items():
        changing = calls & sinks
        is_inner = name.startswith("_") and not callers[name] and not name.startswith("__")  # checked ones call it
        if changing and not is_inner and f"{module}.{name}" not in EXCEPT:
            wrong.append(f"{module}.{name} calls {', '.join(sorted(changing))}; make it @owner_only, or say why not")
    return wrong


def called(node: ast.AST) -> str:
    """Name of what a node calls, or hands on without calling it; empty for other nodes."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("file", list(rooms()), ids=module_of)
def test_what_changes_something_is_behind_the_check(file: Path) -> None:
    wrong = unguarded(module_of(file), file.read_text("utf-8"))
    assert not wrong, "\n" + "\n".join(wrong)


def test_the_store_methods_that_write_are_known() -> None:
    assert {"create_experiment", "delete_runs", "update_run", "add_commands", "write", "save_study"} <= store_writes()
    assert not {"experiment", "runs", "telemetry", "queue", "events"} & store_writes()


@pytest.mark.parametrize(
    "code",
    [
        "def keep(id):\n    store().update_run(id)",
        "def keep(id):\n    _keep(id)\ndef _keep(id):\n    store().update_run(id)",
        "def keep(path):\n    path.write_text('x')",
        "def keep():\n    on_click(store().delete_runs)",
        "class Kept:\n    def keep(self):\n        self.store.save_study('x')",
        "@st.cache_data\ndef keep(folder):\n    return listing(folder)",
    ],
)
def test_a_planted_write_is_seen(code: str) -> None:
    assert unguarded("app.access.planted", code)


@pytest.mark.parametrize(
    "code",
    [
        "@owner_only\ndef keep(id):\n    store().update_run(id)",
        "@owner_only\ndef keep(id):\n    _keep(id)\ndef _keep(id):\n    store().update_run(id)",
        "def read(id):\n    return store().run(id)",
    ],
)
def test_what_is_checked_or_reads_is_not(code: str) -> None:
    assert not unguarded("app.access.planted", code)


def test_the_exceptions_are_needed() -> None:
    for name in EXCEPT:
        module, _, function = name.rpartition(".")
        assert hasattr(importlib.import_module(module), function), f"{name} is gone; take its exception out"


def checked_functions() -> list[str]:
    """Names of every checked function of what pages stand on, with their modules."""
    return [
        f"{module_of(file)}.{node.name}"
        for file in rooms()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and is_checked(node)
    ]


CHECKED = checked_functions()


def arguments_of(function: Callable[..., object]) -> tuple[list[None], dict[str, None]]:
    needed = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    by_name = {each.name: None for each in needed if each.kind is each.KEYWORD_ONLY}
    return [None for each in needed if each.kind is each.POSITIONAL_OR_KEYWORD], by_name


def test_every_way_to_change_something_is_among_those_that_are_tested() -> None:
    assert {name.rpartition(".")[2] for name in CHECKED} >= {
        *("start", "command", "move", "cancel", "change_settings", "describe_run", "delete_runs", "run_plugin"),
        *("bring_archive", "bring_folder", "find_source", "sources", "settle", "look", "uploaded_history"),
        *("try_network", "dry_run", "save_plan", "train_study", "pause_study", "bring_predictions", "_adopt"),
        "tag_case",
    }


@pytest.mark.parametrize("name", CHECKED)
def test_a_visitor_is_refused_before_anything_happens(shared: visitors.Sharing, name: str) -> None:
    module, _, last = name.rpartition(".")
    function = getattr(importlib.import_module(module), last)
    in_place, by_name = arguments_of(function)
    with pytest.raises(VisitorError, match="Visitors watch, inspect, replay and explain"):
        function(*in_place, **by_name)


WRITING = """
import streamlit as st

from app.access import store
from dmf.errors import VisitorError

try:
    store().create_experiment({}, name="x", labels=["a"], run_configs=[{}], environment={})
except VisitorError as error:
    st.error(str(error))
else:
    st.success("written")
"""


@pytest.mark.parametrize("is_owner", [False, True])
def test_a_visitors_session_cannot_write_the_store_whatever_calls_it(
    shared: visitors.Sharing, store: RunStore, monkeypatch: pytest.MonkeyPatch, *, is_owner: bool
) -> None:
    cookies = {shared.cookie: shared.token if is_owner else "forged"}
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.cookies", property(lambda _: cookies))
    page = AppTest.from_string(WRITING, default_timeout=60).run()
    assert bool(page.success) == is_owner
    assert [error.value for error in page.error] == [] if is_owner else [visitors.REFUSED]
    assert len(store.experiments()) == int(is_owner)


def test_what_trains_here_goes_on_writing(shared: visitors.Sharing, store: RunStore) -> None:
    """A thread without a session is the program's own."""
    store.create_experiment({}, name="x", labels=["a"], run_configs=[{}], environment={})
    access.store().create_experiment({}, name="y", labels=["a"], run_configs=[{}], environment={})
    assert len(store.experiments()) == 2


PAGES = ("home", "tour", "train", "compare", "study", "inspect", "lab", "glossary", "join")


@pytest.mark.parametrize("name", PAGES)
def test_a_visitor_sees_every_page_and_no_button_that_changes_something(
    shared: visitors.Sharing, visit: Callable[..., AppTest], store: RunStore, name: str
) -> None:
    page = visit(name)
    labels = {button.label for button in page.button}
    assert not labels & {"Start", "Save", "Train it yourself", "Train with these", "Start training", "Dry run"}
    assert not page.get("file_uploader")
    assert not page.error
    assert store.experiments() == []


def test_datasets_whose_files_lie_on_this_machine_are_no_page_of_a_visitor(
    shared: visitors.Sharing, visit: Callable[..., AppTest]
) -> None:
    page = visit("datasets", dataset="folder@/etc")
    assert not page.title or page.title[0].value != "Datasets"


def test_a_file_that_the_address_asks_for_is_not_asked_for(
    shared: visitors.Sharing, visit: Callable[..., AppTest]
) -> None:
    page = visit("lab", source="upload")
    assert not page.get("file_uploader")
    assert not page.exception


def test_join_shows_address_and_code(shared: visitors.Sharing, visit: Callable[..., AppTest]) -> None:
    text = "".join(element.proto.body for element in visit("join").get("html"))
    assert "http://192.168.1.20" in text
    assert ":8501" in text
    assert 'src="data:image/svg+xml' in text
    assert shared.token not in text


def test_without_sharing_join_says_how(visit: Callable[..., AppTest]) -> None:
    test = AppTest.from_file(ROOT / "app" / "pages" / "join.py", default_timeout=60).run()
    assert "dmf app --share" in test.info[0].value


def test_where_visitors_train_the_form_is_theirs_too(
    shared: visitors.Sharing, visit: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DMF_VISITOR_STEPS", "50")
    page = visit("train")
    assert "Start training" in {button.label for button in page.button}
    assert "visitors have 50" in "".join(element.proto.body for element in page.get("html"))
