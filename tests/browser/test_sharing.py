"""A shared dashboard in two real browsers: the owner's trains, a visitor's watches and changes nothing."""

import re
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from dmf.config_text import experiment
from dmf.jobs import create_experiment
from dmf.runs import RunStore

pytestmark = pytest.mark.browser

ADDRESS = "http://192.168.1.20:8501"
RACE = {
    **{"image_size": "32", "batch_size": "4", "epochs": "5000", "filters": "4", "threads": "1"},
    "dataset_options": "images=40",
}


def forged_click(server: str, id: str, cookie: str) -> list[str]:
    """Click Stop of a race through a bare socket, as if it were drawn there; returns what the page then says."""

    def asked(button: str = "") -> bytes:
        message = BackMsg()
        message.rerun_script.query_string, message.rerun_script.page_name = f"experiment={id}", "train"
        if button:
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.trigger_value = button, True
        return message.SerializeToString()

    said: list[str] = []
    address, headers = f"ws{server.removeprefix('http')}/_stcore/stream", {"Cookie": cookie}
    with connect(address, subprotocols=[Subprotocol("streamlit")], additional_headers=headers, max_size=None) as socket:
        socket.send(asked())
        button = ""
        for _ in range(2):
            while (message := ForwardMsg.FromString(bytes(socket.recv()))).WhichOneof("type") != "script_finished":
                element = message.delta.new_element
                if element.button.label == "Stop":
                    button = element.button.id
                said.append(element.alert.body)
            socket.send(asked(button or f"$$ID-0-control-stop-{id}"))
    return said


def test_the_owner_trains_and_a_visitor_only_watches(
    serve, watched, browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DMF_SHARE", ADDRESS)
    server = serve(entry=Path("app/shared.py"))
    store = RunStore(tmp_path / "home" / "runs.sqlite")
    made = create_experiment(store, experiment(RACE, runs=("variance", "mad")))
    store.cancel(made.id)
    log = (tmp_path / "server.log").read_text("utf-8")
    link = re.search(r"/owner/(\S+)", log)
    assert link is not None
    assert f"Others watch at {ADDRESS}" in log

    owner, visitor = watched(), watched()
    owner.page.goto(f"{server}/owner/{link[1]}")
    owner.page.get_by_text("Races to start").wait_for()
    assert link[1] not in owner.page.content() + owner.page.url
    visitor.page.goto(server)
    visitor.page.get_by_text("You are a visitor").wait_for()
    assert visitor.page.get_by_role("button", name="Start", exact=True).count() == 0
    assert visitor.page.get_by_role("link", name="Datasets").count() == 0

    owner.resume(server, made.id)
    visitor.page.goto(f"{server}/train?experiment={made.id}")
    visitor.until(lambda: visitor.points("weights-step") > 0, "the charts")
    for _ in range(2):
        points = visitor.points("weights-step")
        visitor.until(lambda points=points: visitor.points("weights-step") > points, "a tick")
    assert visitor.page.get_by_role("button", name="Stop", exact=True).count() == 0
    picture = visitor.page.locator(".st-key-strip img").first
    picture.wait_for()
    assert (picture.get_attribute("src") or "").startswith("/pictures/")
    visitor.until(lambda: picture.evaluate("image => image.naturalWidth") == 32, "the picture")

    # What no button offers is refused as well.
    sent = "fetch('/_stcore/upload_file/session/file', {method: 'PUT', body: 'x'})"
    status, text = visitor.page.evaluate(f"{sent}.then(async answer => [answer.status, await answer.text()])")
    assert status == 403
    assert text.startswith("Visitors watch, inspect, replay and explain.")
    assert forged_click(server, made.id, "dmf-owner-8501=forged")
    assert all(run.state.is_active for run in store.experiment(made.id).runs)

    owner.page.get_by_role("button", name="Stop", exact=True).click()
    visitor.page.locator(".st-key-run-status .chip").first.get_by_text("stopped").wait_for()
    visitor.page.goto(f"{server}/join")
    visitor.page.locator(".join .code").wait_for()
    assert visitor.page.locator(".join .address").inner_text() == ADDRESS
    assert visitor.page.get_by_test_id("stException").count() == 0
    store.close()
