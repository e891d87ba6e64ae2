import sys

import pytest

from umbed_keras.extras import check_extra, import_extra

pytestmark = pytest.mark.torch_alone


@pytest.mark.parametrize("function", [import_extra, check_extra])
def test_a_missing_package_is_named_with_the_pip_command(function, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r'^zarr is not .*`pip install "umbed_keras\[stores\]"`'):
        function("zarr", "stores")


def test_a_missing_dependency_of_a_package_is_named(tmp_path, monkeypatch):
    (tmp_path / "optional_package.py").write_text("import its_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"^its_dependency is not installed"):
        import_extra("optional_package", "stores")


def test_an_error_inside_a_package_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("from json import no_such_name")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="no_such_name"):
        import_extra("broken_package", "stores")


def test_checking_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "unused_package.py").write_text("raise ValueError")
    monkeypatch.syspath_prepend(tmp_path)
    check_extra("unused_package", "stores")
    assert "unused_package" not in sys.modules
