"""Apache Kafka that asks for a name and a password: in the clear on one port, over TLS on another."""

import secrets
import subprocess
from pathlib import Path

from tests.servers.apache_kafka import ApacheKafka
from tests.servers.process import HOST, ServerFailed, free_port

__all__ = ["SecuredKafka"]

KEYTOOL_SECONDS = 60.0  # a Java program that makes one key

PROPERTIES = """
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
listeners={listeners},SASL_PLAINTEXT://{host}:{sasl_port},SASL_SSL://{host}:{tls_port}
advertised.listeners={advertised},SASL_PLAINTEXT://{host}:{sasl_port},SASL_SSL://{host}:{tls_port}
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config={log_in}
listener.name.sasl_ssl.plain.sasl.jaas.config={log_in}
listener.name.sasl_ssl.ssl.keystore.location={keystore}
listener.name.sasl_ssl.ssl.keystore.password={password}
"""
LOG_IN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";'


class SecuredKafka(ApacheKafka):
    """Its plain port, which the broker has for itself, is for a test that looks past the log-in."""

    name = "Apache Kafka with SASL and TLS"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.user = "xray"
        self.password = secrets.token_hex(12)
        self.sasl_port, self.tls_port = free_port(), free_port()
        self.certificate = self.folder / "certificate.pem"
        """It vouches for itself, so it is also what clients trust."""
        self._keystore = self.folder / "keystore.p12"

    def prepare(self) -> None:
        """Make a key with its certificate, and do the rest."""
        named = ["-dname", f"CN={HOST}", "-ext", f"SAN=ip:{HOST}", "-ext", "bc=ca:true"]
        self._keytool("-genkeypair", "-keyalg", "EC", "-validity", "2", *named)
        self._keytool("-exportcert", "-rfc", "-file", str(self.certificate))
        super().prepare()

    def properties(self) -> str:
        """Return the broker's properties, the last of which are the listeners'."""
        plain = super().properties()
        known = dict(line.split("=", 1) for line in plain.splitlines() if "=" in line)
        return plain + PROPERTIES.format(
            listeners=known["listeners"],
            advertised=known["advertised.listeners"],
            host=HOST,
            sasl_port=self.sasl_port,
            tls_port=self.tls_port,
            log_in=LOG_IN.format(user=self.user, password=self.password),
            keystore=self._keystore,
            password=self.password,
        )

    def _keytool(self, *arguments: str) -> None:
        store = ["-alias", "kafka", "-storetype", "PKCS12", "-keystore", str(self._keystore)]
        command = ["keytool", *arguments, *store, "-storepass", self.password]
        done = subprocess.run(command, capture_output=True, text=True, timeout=KEYTOOL_SECONDS)
        if done.returncode:
            raise ServerFailed(f"{self.name} could not make a certificate: {done.stdout}{done.stderr}")
