import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DESIGN = (ROOT / "docs/design.md").read_text()
TREE = re.search(r"```\naurora_otel/\n(.*?)```", DESIGN, re.DOTALL)[1]
PACKAGES = (
    "hooks",
    "monitoring",
    "telemetry",
    "discovery",
    "discovery/rds",
    "tracking",
    "runtime",
    "model",
)
MODULES = sorted(
    path.relative_to(ROOT / "aurora_otel").with_suffix("").as_posix()
    for package in PACKAGES
    for path in (ROOT / "aurora_otel" / package).glob("*.py")
    if path.stem != "__init__"
)
# As `file.py`, `package/file.py`, or `package/file` and what it defines.
NAMED = sorted(
    set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+)\.?(?:py|[A-Z_a-z.]*)`", DESIGN))
    | set(re.findall(r"`([a-z_]+)\.py`", DESIGN))
)


def _of(package):
    """Return the part of the tree that describes a top-level package."""
    found = re.search(rf"^  {package}/.*\n((?:    .*\n)*)", TREE, re.MULTILINE)
    assert found, f"{package} is not in the tree"
    return found[0]


@pytest.mark.parametrize("module", MODULES)
def test_the_tree_of_the_design_names_each_module_of_the_core(module):
    assert re.search(rf"\b{Path(module).name}\b", _of(module.split("/")[0]))


@pytest.mark.parametrize("name", NAMED)
def test_a_file_that_the_design_names_is_there(name):
    assert [*ROOT.glob(f"aurora_otel/**/{name}.py"), *ROOT.glob(f"aurora_otel/{name}/")]
