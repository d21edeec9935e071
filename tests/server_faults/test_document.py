"""What the OpenAPI document says holds against the running server, for whatever a machine thinks up to send."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.backend.api.events import data, step, trace_start
from tests.backend.server import Person, Server, new_person

EXAMPLES = os.environ.get("XRAY_DOCUMENT_EXAMPLES")  # for each operation, and other ones each time
EXAMPLES_BY_DEFAULT = "30"
CONFIG = Path(__file__).with_name("schemathesis.toml")
UNFIT = ",".join(
    [
        "positive_data_acceptance",  # a cursor, an e-mail and a time have rules beyond what a schema says
        "allow_header_conformance",  # two routes that differ in a parameter share the address of one of them
    ]
)


def fitting(document: dict[str, Any], person: Person) -> dict[str, Any]:
    """Name the real project in every path, so that more is answered than 403; but let nobody delete that project."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "delete" and path.endswith("/{projectId}"):
                continue
            for parameter in operation["parameters"]:
                if parameter["in"] == "path" and parameter["name"] == "projectId":
                    parameter["schema"] = {"type": "string", "enum": [person.project_id]}
    return document


@pytest.mark.timeout(0 if EXAMPLES else 180)
def test_no_request_gets_an_answer_that_the_document_does_not_allow(tmp_path: Path) -> None:
    rates = {"XRAY_LOGIN_RATE_PER_ADDRESS": "100000/minute", "XRAY_REGISTER_RATE_PER_ADDRESS": "100000/minute"}
    with Server(tmp_path / "data", **rates) as server:
        person = new_person(server)
        named = step(artifacts=[{"dataId": "data-1", "type": "input", "key": "k"}])
        assert person.ingest(trace_start(), named, data(content="x")).status_code == 200
        document = tmp_path / "openapi.json"
        document.write_bytes(msgspec.json.encode(fitting(server.call("GET", "/openapi.json").json(), person)))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
                *("run", str(document), "--url", server.base_url, "--no-color", "--warnings", "off"),
                *("--header", f"Authorization: Bearer {person.token}", "--header", f"x-api-key: {person.key}"),
                *("--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--exclude-checks", UNFIT),
                *("--max-examples", EXAMPLES or EXAMPLES_BY_DEFAULT, "--request-timeout", "60"),
                *([] if EXAMPLES else ["--generation-deterministic"]),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout
        assert server.call("GET", "/health").status_code == 200
    assert "Traceback" not in server.output
