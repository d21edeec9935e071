"""`docker-compose.yml` and `.env.example`, as far as they can be held to the server without an engine."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.deployment.files import COMPOSE, COMPOSE_TEXT, DOCKERFILE, EXAMPLE, OURS, ROOT, SERVICES, filled_in
from xray_backend.config import Config, load_config

KNOWN = set(re.findall(r'"(XRAY_[A-Z_]+)"', (ROOT / "xray_backend/config.py").read_text(encoding="utf-8")))
FOUND_BY_BOTO3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
SECRETS = {"XRAY_JWT_SECRET", "AWS_SECRET_ACCESS_KEY"}
OF_ANOTHER_KAFKA = {"XRAY_KAFKA_SASL_MECHANISM", "XRAY_KAFKA_SASL_USERNAME", "XRAY_KAFKA_SASL_PASSWORD"}


@pytest.fixture
def config() -> Config:
    """What the server makes of the example, once its secrets are filled in."""
    return load_config({}, {**EXAMPLE, "XRAY_JWT_SECRET": "s" * 32})


def test_the_file_is_what_the_compose_specification_says() -> None:
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    checked = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("service", OURS)
def test_each_service_of_ours_runs_a_command_that_the_server_has(service: str) -> None:
    program = [str(Path(sys.executable).with_name("xray-backend")), *SERVICES[service]["command"]]
    shown = subprocess.run([*program, "--help"], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr


def test_each_part_of_the_topology_is_there() -> None:
    assert set(SERVICES) == {"kafka", "mongodb", "minio", "init", "api", "consumer"}
    assert OURS == ["api", "consumer", "init"]
    assert SERVICES["consumer"]["deploy"]["replicas"] == 2


def test_the_variables_of_the_file_are_those_of_the_example() -> None:
    assert set(re.findall(r"\$\{([A-Z_0-9]+)", COMPOSE_TEXT)) == set(EXAMPLE)


@pytest.mark.parametrize("service", OURS)
def test_each_variable_of_ours_is_a_setting_that_the_server_knows(service: str) -> None:
    assert set(SERVICES[service]["environment"]) <= KNOWN | FOUND_BY_BOTO3


def test_the_example_holds_no_secret_and_nothing_starts_without_one() -> None:
    assert {name for name, value in EXAMPLE.items() if not value} == SECRETS | OF_ANOTHER_KAFKA
    for name in SECRETS:
        assert set(re.findall(rf"\$\{{{name}[^}}]*}}", COMPOSE_TEXT)) == {f"${{{name}:?see .env.example}}"}


def test_the_store_is_the_replica_set_of_the_file(config: Config) -> None:
    url = urlsplit(config.store_url)
    command = SERVICES["mongodb"]["command"]
    assert (url.hostname, url.port, url.path) == ("mongodb", 27017, "/xray")
    assert parse_qs(url.query)["replicaSet"] == [command[command.index("--replSet") + 1]]
    assert f"host: '{url.hostname}:{url.port}'" in SERVICES["mongodb"]["healthcheck"]["test"][-1]


def test_the_bus_is_the_broker_of_the_file(config: Config) -> None:
    address = urlsplit(config.bus_url).netloc
    kafka = SERVICES["kafka"]
    assert kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{address}"
    assert address in kafka["healthcheck"]["test"]
    assert address.partition(":")[0] == kafka["hostname"] == "kafka"


def test_the_blob_store_is_the_one_of_the_file_for_servers_and_for_clients(config: Config) -> None:
    place = parse_qs(urlsplit(config.blobs_url).query)
    minio = SERVICES["minio"]
    inside = minio["command"][minio["command"].index("--address") + 1].removeprefix(":")
    assert place["endpoint"] == [f"http://minio:{inside}"]
    assert filled_in(minio["ports"][0]) == f"{urlsplit(place['public_endpoint'][0]).port}:{inside}"


def test_the_api_is_reached_where_its_links_say(config: Config) -> None:
    (ports,) = SERVICES["api"]["ports"]
    inside = re.search(r"XRAY_PORT=(\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert inside is not None
    assert filled_in(ports) == f"{urlsplit(config.public_base_url).port}:{inside[1]}"


@pytest.mark.parametrize("service", [name for name in SERVICES if name not in OURS])
def test_each_part_keeps_its_data_in_a_volume_and_tells_whether_it_works(service: str) -> None:
    part = SERVICES[service]
    named = {volume.partition(":")[0] for volume in part["volumes"]}
    assert named <= set(COMPOSE["volumes"])
    assert part["healthcheck"]["test"][0] == "CMD"
    assert SERVICES["init"]["depends_on"][service] == {"condition": "service_healthy"}


@pytest.mark.parametrize("service", ["api", "consumer"])
def test_what_serves_waits_until_all_is_made(service: str) -> None:
    assert SERVICES[service]["depends_on"] == {"init": {"condition": "service_completed_successfully"}}


@pytest.mark.parametrize("service", OURS)
def test_ours_can_write_nowhere_but_where_they_must_and_have_no_right_of_root(service: str) -> None:
    ours = SERVICES[service]
    assert ours["read_only"] is True
    assert ours["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in ours["security_opt"]


@pytest.mark.parametrize("service", ["api", "consumer"])
def test_the_health_check_of_the_image_asks_where_the_service_answers(service: str) -> None:
    image = dict(re.findall(r"(XRAY_[A-Z_]+)=(\S+)", DOCKERFILE))
    settings = {**image, **SERVICES[service].get("environment", {})}
    asked = settings[re.findall(r'os\.environ\[\\?"(XRAY_[A-Z_]+)', DOCKERFILE)[0]]
    prefix = "XRAY_CONSUMER_" if service == "consumer" else "XRAY_"
    assert (settings[f"{prefix}HOST"], settings[f"{prefix}PORT"]) == ("0.0.0.0", asked)
