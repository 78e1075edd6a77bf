"""The quick start: what its files say of one another is true, as far as it shows without a run."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.dashboards.committed import DASHBOARDS, DIRECTORY
from tests.support.prometheus import tool

ROOT = DIRECTORY.parent
EXAMPLE = ROOT / "examples" / "grafana"
COMPOSE = yaml.safe_load((DIRECTORY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def configuration(name):
    return yaml.safe_load((DIRECTORY / name).read_text())


COLLECTOR = configuration("collector/collector.yaml")
TEMPO, LOKI = configuration("tempo/tempo.yaml"), configuration("loki/loki.yaml")
PROMETHEUS = configuration("prometheus/prometheus.yml")


def port(address):
    return int(address.rpartition(":")[2])


def test_the_example_is_what_the_package_writes():
    (included,) = yaml.safe_load((EXAMPLE / "compose.yaml").read_text())["include"]
    assert (EXAMPLE / included).resolve() == (DIRECTORY / "compose.yaml").resolve()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_fixed_version_and_its_files_and_is_open_to_this_machine_alone(name):
    service = SERVICES[name]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"])
    mounts = [mount.split(":") for mount in service["volumes"]]
    for place, inside, *rights in mounts:
        if place.startswith("./"):
            assert rights == ["ro"]
            assert (DIRECTORY / place).is_dir()
        else:
            assert place in COMPOSE["volumes"]
        for argument in service.get("command", ()):
            path = argument.partition("=")[2]
            if path.startswith(f"{inside}/") and place.startswith("./"):
                assert (DIRECTORY / place / path.removeprefix(f"{inside}/")).is_file()
    assert all(one.startswith("127.0.0.1:") for one in service.get("ports", ()))
    assert set(service.get("depends_on", ())) <= SERVICES.keys()


def test_each_part_finds_the_next_one():
    exporters = COLLECTOR["exporters"]
    grpc = TEMPO["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert exporters["otlp_grpc/traces"]["endpoint"] == f"tempo:{port(grpc)}"
    loki = LOKI["server"]["http_listen_port"]
    assert exporters["otlp_http/logs"]["endpoint"] == f"http://loki:{loki}/otlp"
    ((job,),) = (PROMETHEUS["scrape_configs"],)
    scraped = f"otel-collector:{port(exporters['prometheus']['endpoint'])}"
    assert job["static_configs"] == [{"targets": [scraped]}]
    assert job["honor_labels"]
    received = COLLECTOR["receivers"]["otlp"]["protocols"]
    published = {int(one.split(":")[1]): port(one) for one in SERVICES["otel-collector"]["ports"]}
    ports = {port(each["endpoint"]) for each in received.values()}
    assert published == {each: each for each in ports}


def test_grafana_has_each_data_source_that_the_dashboards_ask():
    sources = [
        source
        for file in sorted((DIRECTORY / "grafana/provisioning/datasources").glob("*.yaml"))
        for source in yaml.safe_load(file.read_text())["datasources"]
    ]
    asked = {
        variable["query"]
        for dashboard in DASHBOARDS.values()
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "datasource"
    }
    assert {source["type"] for source in sources} == asked
    served = {"prometheus": 9090, "tempo": TEMPO["server"]["http_listen_port"]}
    served["loki"] = LOKI["server"]["http_listen_port"]
    environment = SERVICES["grafana"]["environment"]
    for source in sources:
        address = environment[source["url"].removeprefix("$")]
        assert address == f"http://{source['type']}:{served[source['type']]}"
    (traces,) = [source for source in sources if source["type"] == "tempo"]
    linked = traces["jsonData"]["tracesToLogsV2"]["datasourceUid"]
    assert linked in {source["uid"] for source in sources}


def test_the_collectors_configuration_is_the_documents():
    document = (ROOT / "docs" / "exporting.md").read_text()
    (block,) = re.findall(r"(?ms)^```yaml\n# collector: prometheus\n(.*?)^```$", document)
    assert yaml.safe_load(block) == COLLECTOR


def test_prometheus_accepts_its_configuration():
    done = subprocess.run(
        [tool("promtool"), "check", "config", DIRECTORY / "prometheus" / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "aurora.rules.yml" in done.stdout


def test_what_grafana_opens_first_is_a_dashboard():
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    mounts = dict(mount.split(":")[1::-1] for mount in SERVICES["grafana"]["volumes"])
    assert json.loads((DIRECTORY / mounts[str(home.parent)] / home.name).read_text())["uid"]
