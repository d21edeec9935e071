"""SASL and TLS: settings that contradict each other are refused, and with the right ones all programs work."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.backend.api.events import step
from tests.backend.background import wait_until
from tests.backend.kafka.consuming import NO_VALUES, Place, finished
from tests.backend.kafka.topic import Topic
from tests.backend.server import Server, new_person
from tests.servers.secured_kafka import SecuredKafka
from xray_backend.config import load_config
from xray_backend.errors import ConfigurationError
from xray_backend.kafka.security import kafka_options

SECRET = "correct-horse-battery"
LOG_IN = {
    "XRAY_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "XRAY_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "XRAY_KAFKA_SASL_USERNAME": "somebody",
    "XRAY_KAFKA_SASL_PASSWORD": SECRET,
}
HERE = str(Path(__file__))


def without(name: str) -> dict[str, str]:
    return {each: value for each, value in LOG_IN.items() if each != f"XRAY_KAFKA_{name}"}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (without("SECURITY_PROTOCOL"), "XRAY_KAFKA_SASL_MECHANISM has no effect: set XRAY_KAFKA_SECURITY_PROTOCOL to "),
        (without("SASL_MECHANISM"), "XRAY_KAFKA_SASL_MECHANISM is missing"),
        (without("SASL_USERNAME"), "XRAY_KAFKA_SASL_USERNAME is missing"),
        (without("SASL_PASSWORD"), "XRAY_KAFKA_SASL_PASSWORD is missing"),
        ({"XRAY_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "XRAY_KAFKA_SASL_MECHANISM is missing"),
        ({**LOG_IN, "XRAY_KAFKA_SECURITY_PROTOCOL": "SSL"}, "XRAY_KAFKA_SASL_MECHANISM has no effect"),
        (
            {"XRAY_KAFKA_TLS_CA_FILE": HERE},
            "XRAY_KAFKA_TLS_CA_FILE has no effect: set XRAY_KAFKA_SECURITY_",
        ),
        (
            {"XRAY_KAFKA_SECURITY_PROTOCOL": "SSL", "XRAY_KAFKA_TLS_KEY_FILE": HERE},
            "XRAY_KAFKA_TLS_CERTIFICATE_FILE is missing",
        ),
        (
            {**LOG_IN, "XRAY_KAFKA_OPTIONS": '{"sasl.mechanisms": "PLAIN"}'},
            "XRAY_KAFKA_SASL_MECHANISM and `sasl.mechanisms` in XRAY_KAFKA_OPTIONS say the same",
        ),
        ({**LOG_IN, "XRAY_KAFKA_SECURITY_PROTOCOL": "TLS"}, "XRAY_KAFKA_SECURITY_PROTOCOL cannot be used: it must be "),
        ({**LOG_IN, "XRAY_KAFKA_SASL_MECHANISM": "DIGEST"}, "XRAY_KAFKA_SASL_MECHANISM cannot be used: it must be "),
        (
            {**LOG_IN, "XRAY_KAFKA_TLS_CA_FILE": "/nowhere/ca.pem"},
            "XRAY_KAFKA_TLS_CA_FILE cannot be used: there is no file that can be read at /nowhere/ca.pem",
        ),
    ],
)
def test_what_is_missing_or_has_no_effect_is_a_sentence(settings: Mapping[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        kafka_options(load_config({}, settings))
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).endswith(".")
    assert SECRET not in str(refused.value)


def test_each_setting_is_its_property_beside_the_other_options_and_no_secret_is_shown() -> None:
    config = load_config({}, {**LOG_IN, "XRAY_KAFKA_TLS_CA_FILE": HERE, "XRAY_KAFKA_OPTIONS": '{"linger.ms": 5}'})
    assert kafka_options(config) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "somebody",
        "sasl.password": SECRET,
        "ssl.ca.location": HERE,
        "linger.ms": "5",
    }
    assert SECRET not in repr(config)


def test_other_mechanisms_are_chosen_by_the_options() -> None:
    tokens = '{"sasl.mechanisms": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc"}'
    config = load_config({}, {"XRAY_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "XRAY_KAFKA_OPTIONS": tokens})
    assert kafka_options(config)["security.protocol"] == "SASL_SSL"


def test_settings_that_do_not_agree_end_each_program_with_status_2(tmp_path: Path) -> None:
    settings = {**without("SASL_PASSWORD"), "XRAY_BUS_URL": "kafka://127.0.0.1:9/events", "XRAY_JWT_SECRET": "j" * 32}
    for arguments in (["init"], ["consume"], ["dead", "list"], ["serve", "--port", "0"]):
        status, said = finished(arguments, {**settings, "XRAY_DATA_DIR": str(tmp_path)})
        assert status == 2
        assert said.startswith("xray-backend: XRAY_KAFKA_SASL_PASSWORD is missing")
        assert len(said.splitlines()) == 1


@pytest.fixture(scope="module")
def kafka() -> Iterator[SecuredKafka]:
    with SecuredKafka() as kafka:
        yield kafka


@dataclass
class Secured:
    """Settings for one of the listeners, and the topic seen past it."""

    settings: dict[str, str]
    topic: Topic


@pytest.fixture(params=["SASL_PLAINTEXT", "SASL_SSL"])
def secured(request: pytest.FixtureRequest, kafka: SecuredKafka) -> Secured:
    topic = Topic(kafka.servers)
    has_tls = request.param == "SASL_SSL"
    settings = {
        "XRAY_BUS_URL": f"kafka://127.0.0.1:{kafka.tls_port if has_tls else kafka.sasl_port}/{topic.name}",
        "XRAY_KAFKA_SECURITY_PROTOCOL": request.param,
        "XRAY_KAFKA_SASL_MECHANISM": "PLAIN",
        "XRAY_KAFKA_SASL_USERNAME": kafka.user,
        "XRAY_KAFKA_SASL_PASSWORD": kafka.password,
    }
    if has_tls:
        settings["XRAY_KAFKA_TLS_CA_FILE"] = str(kafka.certificate)
    return Secured(settings, topic)


@pytest.mark.live
def test_all_programs_log_in_and_an_event_goes_all_the_way(secured: Secured, tmp_path: Path) -> None:
    status, said = finished(["init"], secured.settings)
    assert status == 0, said
    place = Place(tmp_path, secured.topic)
    variables = {**secured.settings, "XRAY_STORE_URL": place.store_url, "XRAY_JWT_SECRET": "j" * 32}
    with Server(tmp_path / "api", command="serve", **variables, **NO_VALUES) as server:
        person = new_person(server)
        assert person.ingest(step("arrived")).status_code == 200
        with place.consumer(**secured.settings) as consumer:
            wait_until(lambda: [found["stepId"] for found in person.steps({})] == ["arrived"])
            assert "SASL" not in consumer.output
    status, said = finished(["dead", "list"], secured.settings)
    assert (status, said) == (0, "0 set aside; 0 of the 0 kept were replayed.\n")


@pytest.mark.live
def test_a_wrong_password_is_a_sentence_without_it(secured: Secured, tmp_path: Path) -> None:
    assert finished(["init"], secured.settings)[0] == 0
    wrong = {**secured.settings, "XRAY_KAFKA_SASL_PASSWORD": SECRET}
    for arguments in (["init"], ["dead", "list"]):
        status, said = finished(arguments, wrong)
        assert status == 1
        (sentence,) = [line for line in said.splitlines() if line.startswith("xray-backend: ")]
        assert "Authentication failed: Invalid username or password" in sentence
        assert SECRET not in said
        assert "Traceback" not in said
    consumer = Place(tmp_path, secured.topic).consumer(**wrong)
    consumer.launch()
    try:
        wait_until(lambda: "Authentication failed: Invalid username or password" in consumer.output)
        with pytest.raises(RuntimeError, match="the queue cannot be used"):
            consumer.answer()
    finally:
        consumer.stop()
    assert SECRET not in consumer.output


@pytest.mark.live
def test_a_certificate_that_nobody_vouches_for_is_a_sentence(kafka: SecuredKafka, tmp_path: Path) -> None:
    settings = {
        "XRAY_BUS_URL": f"kafka://127.0.0.1:{kafka.tls_port}/events",
        "XRAY_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "XRAY_KAFKA_SASL_MECHANISM": "PLAIN",
        "XRAY_KAFKA_SASL_USERNAME": kafka.user,
        "XRAY_KAFKA_SASL_PASSWORD": kafka.password,
    }
    status, said = finished(["init"], settings)
    assert status == 1
    assert "certificate verify failed" in said
    assert kafka.password not in said
