import torch

from dmf.training import environment


def test_it_says_what_computes_on_what():
    found = environment.environment(torch.device("cpu"))
    assert found["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert (found["device"], found["device_name"]) == ("cpu", "cpu")


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    missing = environment.PackageNotFoundError
    monkeypatch.setattr(environment, "version", lambda package: (_ for _ in ()).throw(missing(package)))
    assert environment.environment(torch.device("cpu"))["packages"] == {}
