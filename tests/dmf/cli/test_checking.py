BROKEN = """
from dmf.weighting import Weighting


class Doubled(Weighting):
    def forward(self, state):
        return self._combine(state.terms, self.weights * 2)


WEIGHTINGS = {"doubled": Doubled}
MODELS = {"other": print}
"""


def test_a_method_that_keeps_its_promises_passes(dmf, plugin):
    result = dmf("check-method", plugin())
    assert result.status == 0, result.err
    lines = result.err.strip().splitlines()
    assert lines[0] == "pass weighting height: weights are finite, and sum up where they should"
    assert lines[-1] == f"{len(lines) - 1 - lines[-1].count('1 skipped')} kept, 0 broken, 1 skipped"
    assert any(line.startswith("skip") and line.endswith("needs a CUDA device") for line in lines)


def test_a_broken_promise_is_told_and_ends_with_1(dmf, plugin):
    result = dmf("check-method", plugin(BROKEN), "--name", "doubled", "--json")
    assert result.status == 1
    findings = result.json()
    assert {finding["name"] for finding in findings} == {"doubled"}
    first = findings[0]
    assert first["result"] == "fail"
    assert first["reason"].startswith("weights must sum to 1, at step 0 they are (0.666667")
    told = dmf("check-method", plugin(BROKEN), "--name", "doubled")
    assert told.err.startswith("FAIL weighting doubled: weights are finite, and sum up where they should: weights must")


def test_a_method_that_is_known_is_checked_by_its_name(dmf):
    result = dmf("check-method", "dice", "--json")
    assert result.status == 0
    assert {finding["kind"] for finding in result.json()} == {"loss"}


def test_a_name_that_is_not_known_exits_with_2(dmf):
    result = dmf("check-method", "nothing")
    assert result.status == 2
    assert "Unknown method 'nothing'" in result.err


def test_a_promise_is_one_line_whatever_the_method_raises(dmf, plugin):
    text = "def model(*_):\n    raise RuntimeError('first\\n\\n  second')\n\n\nMODELS = {'mine': model}\n"
    lines = dmf("check-method", plugin(text)).err.strip().splitlines()
    assert len(lines) == 4
    assert lines[0].endswith("RuntimeError: first second")


def test_a_folder_is_refused(dmf, tmp_path):
    result = dmf("check-method", tmp_path)
    assert result.status == 2
    assert f"{tmp_path} is a folder. Give one Python file of your own, or the name of a method." in result.err
