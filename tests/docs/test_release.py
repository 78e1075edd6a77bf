"""The release's checklist refuses what is not ready; the project's own papers hold together."""

import re
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
import yaml

from aurora_otel import __version__

ROOT = Path(__file__).parents[2]
ADDRESS = "https://example.com/aurora-otel"
CHANGELOG = "# Changelog\n\n## [1.2.3] - 2026-01-31\n"


@pytest.fixture(scope="module")
def release():
    loader = SourceFileLoader("release", str(ROOT / ".ci" / "release"))
    spec = spec_from_loader("release", loader)
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_what_is_ready_is_not_refused(release):
    assert list(release.refusals(ADDRESS, "1.2.3", CHANGELOG, "v1.2.2\nv1.2\n", "")) == []


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"address": "https://project.invalid"}, "is not the https address"),
        ({"address": "http://example.com"}, "is not the https address"),
        ({"address": "example.com"}, "is not the https address"),
        ({"changelog": "## [1.2.3] - unreleased"}, "CHANGELOG.md has no entry"),
        ({"changelog": "## [11.2.3] - 2026-01-31"}, "CHANGELOG.md has no entry"),
        ({"tags": "v1.2.3\n"}, "there is a tag v1.2.3 already"),
        ({"changes": " M README.md\n"}, "not committed"),
    ],
)
def test_what_is_not_ready_is_refused(release, changed, reason):
    ready = {
        "address": ADDRESS,
        "version": "1.2.3",
        "changelog": CHANGELOG,
        "tags": "",
        "changes": "",
    }
    (found,) = release.refusals(**{**ready, **changed})
    assert reason in found


def test_the_readmes_links_are_absolute_in_a_release(release):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = release.with_absolute_links(readme, ADDRESS, "1.2.3")
    assert f"]({ADDRESS}/raw/v1.2.3/docs/demo.svg)" in shown
    assert f"]({ADDRESS}/blob/v1.2.3/docs/design.md)" in shown
    assert list(release.left_over(shown)) == []
    assert any("relative link" in reason for reason in release.left_over(readme))


def test_the_metadatas_addresses_are_placeholders_that_a_release_replaces(release):
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = project.partition("[project.urls]")[2].partition("\n[")[0]
    addresses = re.findall(r'"(http[^"]*)"', section)
    assert addresses
    assert all(address.startswith(release.PLACEHOLDER) for address in addresses)
    assert list(release.left_over(section))
    assert list(release.left_over(release.with_address(section, ADDRESS))) == []


def test_the_version_has_an_entry_in_the_changelog():
    assert f"\n## [{__version__}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_issue_forms_are_whole():
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    for form in forms:
        content = yaml.safe_load(form.read_text(encoding="utf-8"))
        if form.name == "config.yml":
            continue
        assert content["name"]
        assert content["description"]
        fields = [each for each in content["body"] if each["type"] != "markdown"]
        assert all(each["id"] and each["attributes"]["label"] for each in fields)
    assert len(forms) == 3
