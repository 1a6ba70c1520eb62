"""Which batch types there are: what discover finds and refuses, names, duplicates, reloading."""

from __future__ import annotations

import importlib
import itertools
import sys
from pathlib import Path

import pytest
from manager_classes import KeepProcessor, class_text, variant, write_package
from support.workbench import Workbench

from ri_declarative import BaseProcessor, BatchManager, ProcessorRegistry, UsageError

_numbers = itertools.count(1)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package that no other test has imported, in a folder on the import path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return f"app{next(_numbers)}"


def _write(tmp_path: Path, package: str, modules: dict[str, str]) -> None:
    write_package(tmp_path, {f"{package}/{name}": text for name, text in modules.items()})
    importlib.invalidate_caches()


def _discover(package: str) -> ProcessorRegistry:
    registry = ProcessorRegistry()
    registry.discover(package)
    return registry


# ── discover ─────────────────────────────────────────────────────────────────────────────────


def test_classes_are_found_however_deep_they_lie(tmp_path: Path, package: str) -> None:
    modules = {
        "__init__.py": class_text("TopProcessor"),
        "orders.py": class_text("OrdersProcessor") + "\n\n" + class_text("OrderLinesProcessor"),
        "crm/__init__.py": class_text("CrmProcessor"),
        "crm/customers.py": class_text("CustomerDataProcessor"),
        "crm/deep/deeper/leaf.py": class_text("LeafProcessor"),
    }
    _write(tmp_path, package, modules)
    registry = ProcessorRegistry()
    found = registry.discover(package)
    assert sorted(found) == ["crm", "customer_data", "leaf", "order_lines", "orders", "top"]
    assert registry.names() == sorted(found)
    assert registry.get("leaf").place == f"{package}.crm.deep.deeper.leaf.LeafProcessor"


def test_one_module_can_be_discovered_alone(tmp_path: Path, package: str) -> None:
    _write(tmp_path, package, {"a.py": class_text("AProcessor"), "b.py": class_text("BProcessor")})
    assert ProcessorRegistry().discover(f"{package}.a") == ["a"]


def test_classes_merely_imported_from_elsewhere_are_found_at_home_only(tmp_path: Path, package: str) -> None:
    home = class_text("OrdersProcessor") + "\n\nOrders = OrdersProcessor\n"
    visitor = f"from {package}.orders import OrdersProcessor\nfrom manager_classes import KeepProcessor\n"
    _write(tmp_path, package, {"__init__.py": f"from {package}.orders import *\n", "orders.py": home, "a.py": visitor})
    registry = ProcessorRegistry()
    assert registry.discover(package) == ["orders"]
    assert registry.names() == ["orders"]
    assert registry.get("orders").place == f"{package}.orders.OrdersProcessor"


def test_abstract_bases_are_passed_over(tmp_path: Path, package: str) -> None:
    text = """
    from abc import abstractmethod
    from ri_declarative import BaseProcessor

    class Half(BaseProcessor):
        def validate_item(self, item, ctx):
            return True

    class Quarter(Half):
        @abstractmethod
        def table(self): ...

    class WholeProcessor(Half):
        def process_item(self, item, ctx): ...
    """
    _write(tmp_path, package, {"a.py": text})
    assert ProcessorRegistry().discover(package) == ["whole"]


def test_discovering_twice_finds_the_same(tmp_path: Path, package: str) -> None:
    _write(tmp_path, package, {"a.py": class_text("AProcessor")})
    registry = ProcessorRegistry()
    assert registry.discover(package) == registry.discover(f"{package}.a") == ["a"]


def test_a_package_without_classes_gives_none(tmp_path: Path, package: str) -> None:
    _write(tmp_path, package, {"a.py": "x = 1\n"})
    assert ProcessorRegistry().discover(package) == []


BROKEN = {
    "import": ("import rates_of_nobody\n", "ModuleNotFoundError: No module named 'rates_of_nobody'"),
    "name": ("from ri_declarative import BaseProcesor\n", "ImportError"),
    "syntax": ("def f(:\n", "SyntaxError"),
    "body": ("1 / 0\n", "ZeroDivisionError: division by zero"),
    "exit": ("import sys\nsys.exit(0)\n", "SystemExit"),
}


@pytest.mark.parametrize("where", ["__init__.py", "a.py", "deep/__init__.py", "deep/deeper/a.py"])
def test_a_module_that_cannot_be_imported_is_named_with_the_cause(tmp_path: Path, package: str, where: str) -> None:
    text, cause = BROKEN["import"]
    _write(tmp_path, package, {where: text})
    module = ".".join([package, *where.removesuffix(".py").split("/")]).removesuffix(".__init__")
    with pytest.raises(UsageError) as error:
        _discover(package)
    assert error.value.code == "processor-import"
    assert f"{module} cannot be imported: {cause}" in error.value.message


@pytest.mark.parametrize("kind", BROKEN)
def test_whatever_a_module_raises_is_told_with_its_name(tmp_path: Path, package: str, kind: str) -> None:
    text, cause = BROKEN[kind]
    _write(tmp_path, package, {"sub/a.py": text})
    with pytest.raises(UsageError) as error:
        _discover(package)
    assert f"{package}.sub.a cannot be imported" in error.value.message
    assert cause in error.value.message


def test_a_package_that_is_not_there_is_named(package: str) -> None:
    with pytest.raises(UsageError, match=f"{package} cannot be imported: ModuleNotFoundError"):
        _discover(package)


def test_a_package_that_was_repaired_finds_no_half_of_itself_in_the_way(tmp_path: Path, package: str) -> None:
    _write(tmp_path, package, {"a.py": class_text("AProcessor"), "b.py": "import rates_of_nobody\n"})
    registry = ProcessorRegistry()
    with pytest.raises(UsageError):
        registry.discover(package)
    (tmp_path / package / "b.py").write_text(class_text("BProcessor") + "# longer than before\n")
    importlib.invalidate_caches()
    assert registry.discover(package) == registry.names() == ["a", "b"]


def test_a_reloaded_class_takes_the_place_of_the_old_one(tmp_path: Path, package: str) -> None:
    _write(tmp_path, package, {"a.py": class_text("AProcessor", more="chunk_size = 5")})
    registry = _discover(package)
    (tmp_path / package / "a.py").write_text(class_text("AProcessor", more="chunk_size = 12345"))
    importlib.reload(sys.modules[f"{package}.a"])
    registry.discover(package)
    cls = registry.get("a").processor
    assert cls is not None
    assert cls.chunk_size == 12345


# ── names ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "batch_type"),
    [
        ("CustomerDataProcessor", "customer_data"),
        ("OrdersProcessor", "orders"),
        ("Orders", "orders"),
        ("XMLFeedProcessor", "xml_feed"),
        ("Order2CashProcessor", "order2_cash"),
        ("A", "a"),
    ],
)
def test_a_class_is_known_by_its_name(tmp_path: Path, package: str, name: str, batch_type: str) -> None:
    _write(tmp_path, package, {"a.py": class_text(name)})
    assert ProcessorRegistry().discover(package) == [batch_type]


def test_batch_type_overrides_the_name(tmp_path: Path, package: str) -> None:
    _write(tmp_path, package, {"a.py": class_text("CustomerDataProcessor", more='batch_type = "crm"')})
    registry = _discover(package)
    assert registry.names() == ["crm"]
    with pytest.raises(UsageError, match="Available types: crm"):
        registry.get("customer_data")


@pytest.mark.parametrize("batch_type", ["Orders", "order-lines", "1st", "a b", "größe", "a.b", "../x", ""])
def test_a_batch_type_that_no_pipeline_could_have_is_refused(batch_type: str) -> None:
    with pytest.raises(UsageError) as error:
        ProcessorRegistry().register(batch_type, KeepProcessor)
    assert batch_type in error.value.message
    assert "manager_classes.KeepProcessor" in error.value.message


def test_what_is_no_complete_processor_is_refused() -> None:
    class Half(BaseProcessor):
        def validate_item(self, item: object, ctx: object) -> bool:
            return True

    registry = ProcessorRegistry()
    with pytest.raises(UsageError, match="process_item"):
        registry.register("half", Half)  # type: ignore[type-abstract]
    for wrong in (object, KeepProcessor(), "myapp.KeepProcessor", None):
        with pytest.raises(UsageError, match="BaseProcessor"):
            registry.register("wrong", wrong)  # type: ignore[arg-type]
    assert registry.names() == []


# ── duplicates ───────────────────────────────────────────────────────────────────────────────


def test_two_classes_of_one_type_are_refused_naming_both(tmp_path: Path, package: str) -> None:
    _write(tmp_path, package, {"a.py": class_text("OrdersProcessor"), "b.py": class_text("Orders")})
    with pytest.raises(UsageError) as error:
        _discover(package)
    assert error.value.code == "duplicate-batch-type"
    for place in ("orders", f"{package}.a.OrdersProcessor", f"{package}.b.Orders"):
        assert place in error.value.message


def test_one_class_may_have_two_types() -> None:
    registry = ProcessorRegistry()
    registry.register("crm", KeepProcessor)
    registry.register("erp", KeepProcessor)
    registry.register("erp", KeepProcessor)
    assert registry.names() == ["crm", "erp"]


def test_a_subclass_that_forgot_its_own_batch_type_is_refused_naming_both(tmp_path: Path, package: str) -> None:
    base = class_text("OrdersProcessor", more='batch_type = "orders"')
    _write(tmp_path, package, {"a.py": base + "\n\nclass ReturnsProcessor(OrdersProcessor):\n    pass\n"})
    with pytest.raises(UsageError, match=rf"{package}\.a\.OrdersProcessor and {package}\.a\.ReturnsProcessor"):
        _discover(package)


def _pipeline_and_class(workbench: Workbench, package: str) -> None:
    workbench.pipeline("orders", "target: {table: orders, key: k, columns: {k: k}}")
    _write(workbench.root, package, {"a.py": class_text("OrdersProcessor")})


def test_a_pipeline_and_a_class_of_one_type_are_refused_naming_both(workbench: Workbench, package: str) -> None:
    _pipeline_and_class(workbench, package)
    with workbench.manager() as manager, pytest.raises(UsageError) as error:
        manager.registry.discover(package)
    assert error.value.code == "duplicate-batch-type"
    assert "pipelines/orders.yaml" in error.value.message
    assert f"{package}.a.OrdersProcessor" in error.value.message


def test_a_pipeline_and_a_class_that_ri_yaml_names_are_refused_by_every_verb(
    workbench: Workbench, package: str
) -> None:
    _pipeline_and_class(workbench, package)
    workbench.file("ri.yaml", f"processors: [{package}]\n")
    for ask in (
        lambda manager: manager.run_pipeline("orders", workbench.file("orders.csv", "k\n1\n")),
        lambda manager: manager.create_batch("orders", [{"k": 1}]),
    ):
        with workbench.manager() as manager, pytest.raises(UsageError, match=r"pipelines/orders\.yaml and "):
            ask(manager)
    assert workbench.sql("SELECT count(*) FROM import_batches") == [(0,)]


def test_a_pipeline_written_after_a_class_of_its_name_was_registered_is_refused(workbench: Workbench) -> None:
    with workbench.manager() as manager:
        manager.registry.register("orders", KeepProcessor)
        workbench.pipeline("orders", "target: {table: orders, key: k, columns: {k: k}}")
        with pytest.raises(UsageError, match=r"orders\.yaml"):
            manager.registry.discover_pipelines(workbench.root / "pipelines")


# ── pipelines ────────────────────────────────────────────────────────────────────────────────


def test_pipelines_are_discovered_from_their_folder(workbench: Workbench) -> None:
    for name in ("b", "a"):
        workbench.pipeline(name, "target: {table: t, key: k, columns: {k: k}}")
    registry = ProcessorRegistry()
    assert sorted(registry.discover_pipelines(workbench.root / "pipelines")) == ["a", "b"]
    assert registry.discover_pipelines(str(workbench.root / "pipelines"))
    assert registry.get("a").place == "pipelines/a.yaml"


def test_two_projects_with_a_pipeline_of_one_name_are_refused_naming_both(
    workbench: Workbench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = "target: {table: t, key: k, columns: {k: k}}"
    workbench.pipeline("orders", text)
    other = tmp_path_factory.mktemp("other")
    (other / "pipelines").mkdir()
    (other / "pipelines/orders.yaml").write_text(text)
    registry = ProcessorRegistry()
    registry.discover_pipelines(workbench.root / "pipelines")
    with pytest.raises(UsageError) as error:
        registry.discover_pipelines(other / "pipelines")
    assert str(workbench.root) in error.value.message, "both are called pipelines/orders.yaml"
    assert str(other) in error.value.message


def test_a_broken_pipeline_does_not_hide_the_classes(workbench: Workbench, package: str) -> None:
    workbench.pipeline("broken", "target: {tabel: t}")
    _write(workbench.root, package, {"a.py": class_text("AProcessor")})
    with workbench.manager() as manager:
        manager.registry.discover(package)
        assert manager.process_batch(manager.create_batch("a", [{"k": 1}])).completed_items == 1


def test_registries_of_two_managers_are_apart(workbench: Workbench) -> None:
    with workbench.manager() as one, BatchManager(workbench.dsn, project=workbench.root) as other:
        one.registry.register("keep", variant())
        assert (one.registry.names(), other.registry.names()) == (["keep"], [])
