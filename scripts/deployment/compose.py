"""The Compose specification's schema, and what docker-compose.yml must say beyond it."""

import json
import re

import jsonschema

from files import TOOLS, errors, expect, read_settings, resolved, wrong

IMAGES = {
    "mysql": "mysql:8.4",
    "rabbitmq": "rabbitmq:4-management",
    "minio": "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z",
}
PROGRAMS = {"api": "filemanager", "worker": "filemanager-worker"}
VOLUMES = {"mysql": "/var/lib/mysql", "rabbitmq": "/var/lib/rabbitmq", "minio": "/data"}
# Host address (none is every one), host port and port of the service.
PORTS = {
    "api": {("", "8000", "8000")},
    "minio": {("127.0.0.1", "9000", "9000"), ("127.0.0.1", "9001", "9001")},
    "rabbitmq": {("127.0.0.1", "15672", "15672")},
}
# Settings that an operator of the compose file cannot change: they follow from the file itself.
FIXED = {
    "APP_HOST": "0.0.0.0",
    "APP_PORT": "8000",
    "APP_DATA_DIR": "/var/lib/filemanager",
    "MYSQL_HOST": "mysql",
    "MYSQL_PORT": "3306",
    "MINIO_ENDPOINT": "minio:9000",
    "RABBITMQ_HOST": "rabbitmq",
    "RABBITMQ_PORT": "5672",
}
# Which variable of a server must have the value of which setting.
AGREEMENTS = [
    ("mysql", "MYSQL_USER", "MYSQL_USER"),
    ("mysql", "MYSQL_PASSWORD", "MYSQL_PASSWORD"),
    ("mysql", "MYSQL_DATABASE", "MYSQL_DATABASE"),
    ("rabbitmq", "RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_USER"),
    ("rabbitmq", "RABBITMQ_DEFAULT_PASS", "RABBITMQ_DEFAULT_PASS"),
    ("minio", "MINIO_ROOT_USER", "MINIO_ACCESS_KEY"),
    ("minio", "MINIO_ROOT_PASSWORD", "MINIO_SECRET_KEY"),
]


def check_schema(compose):
    """Whether the file has the form that the checks after this one take for granted."""
    before = len(errors)
    validator = jsonschema.Draft7Validator(json.loads((TOOLS / "compose-spec.json").read_text()))
    for error in sorted(validator.iter_errors(resolved(compose, {})), key=lambda error: list(map(str, error.path))):
        place = ".".join(map(str, error.absolute_path)) or "top level"
        wrong(f"docker-compose.yml is not by the Compose specification: {place}: {error.message}")
    services = (compose.get("services") if isinstance(compose, dict) else None) or {}
    expected = sorted(IMAGES.keys() | PROGRAMS.keys())
    expect(sorted(services) == expected, f"docker-compose.yml: the services must be {', '.join(expected)}")
    for name, service in services.items() if len(errors) == before else ():
        for key in ("environment", "depends_on"):
            expect(isinstance(service.get(key, {}), dict), f"docker-compose.yml: {name}'s {key} must be a mapping")
    return len(errors) == before


def check_agreement(compose, example):
    """What the programs and the servers are told must agree, whatever is set in .env."""
    keys = {"MINIO_ACCESS_KEY": "key", "MINIO_SECRET_KEY": "secret"}
    root = {"MINIO_ROOT_USER": "root", "MINIO_ROOT_PASSWORD": "password"}
    everything = {name: f"value-of-{name}" for name in example if name not in keys}
    for variables in ({}, everything, keys, root):
        services = resolved(compose, variables)["services"]
        for service, theirs, ours in AGREEMENTS:
            given, taken = services[service]["environment"].get(theirs), services["api"]["environment"].get(ours)
            expect(
                given and given == taken,
                f"docker-compose.yml: {service}'s {theirs} is {given!r}, but api's {ours} is {taken!r}, "
                f"when {', '.join(variables) or 'nothing'} is set",
            )


def check_rules(compose):
    plain = resolved(compose, {})
    services = plain["services"]
    expect("version" not in compose, "docker-compose.yml: version is obsolete")
    for name, service in services.items():
        check_service(name, service)
    for name, image in IMAGES.items():
        expect(services[name].get("image") == image, f"docker-compose.yml: {name}'s image must be {image}")
    for name, target in VOLUMES.items():
        volumes = services[name].get("volumes", [])
        expect(volumes == [f"{name}:{target}"], f"docker-compose.yml: {name}'s one volume must be {name}:{target}")
        expect(name in plain.get("volumes", {}), f"docker-compose.yml: the volume {name} is not declared")
    expect("hostname" in services["rabbitmq"], "docker-compose.yml: rabbitmq finds its data again only by its hostname")

    api, worker = services["api"], services["worker"]
    expect(
        api.get("image") and api.get("image") == worker.get("image"),
        "docker-compose.yml: api and worker must have one image",
    )
    expect("build" in api and "build" not in worker, "docker-compose.yml: api builds the image, worker takes it")
    expect(worker.get("pull_policy") == "never", "docker-compose.yml: worker must not pull the image that api builds")
    for name, program in PROGRAMS.items():
        expect(services[name].get("command") == [program], f"docker-compose.yml: {name} must run {program}")
        health = services[name].get("healthcheck", {}).get("test")
        expect(health == ["CMD", program, "health"], f"docker-compose.yml: {name} must be asked by {program} health")
        for needed in IMAGES:
            condition = services[name].get("depends_on", {}).get(needed, {}).get("condition")
            expect(condition == "service_healthy", f"docker-compose.yml: {name} must wait for a healthy {needed}")
    check_grace(compose)


def check_service(name, service):
    place = f"docker-compose.yml: {name}"
    health = service.get("healthcheck", {})
    expect(health.get("test") and not health.get("disable"), f"{place} has no health check")
    expect(service.get("restart") == "unless-stopped", f"{place} must restart unless-stopped")
    expect("container_name" not in service, f"{place} has a container_name, so it cannot be scaled")
    expect("network_mode" not in service, f"{place} has a network_mode, so its ports are not only those published")
    ports = {port_of(port) for port in service.get("ports", [])}
    expected = PORTS.get(name, set())
    for address, host, inside in ports ^ expected:
        verb = "must not publish" if (address, host, inside) in ports else "must publish"
        wrong(f"{place} {verb} {inside} as port {host} of {address or 'every address'}")


def port_of(port):
    """Address, host port and port of the service, of either notation."""
    if isinstance(port, dict):
        return str(port.get("host_ip", "")), str(port.get("published", "")), str(port["target"])
    parts = str(port).removesuffix("/tcp").rsplit(":", 2)
    return tuple([""] * (3 - len(parts)) + parts)


def check_grace(compose):
    """Docker must not kill a program before APP_SHUTDOWN_TIMEOUT has passed."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    for seconds in (None, 90):
        variables = {"APP_SHUTDOWN_TIMEOUT": str(seconds)} if seconds else {}
        timeout = seconds or int(read_settings().get("APP_SHUTDOWN_TIMEOUT") or 0)
        for name in PROGRAMS:
            grace = resolved(compose["services"][name].get("stop_grace_period", "10s"), variables)
            given = sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)(ms|s|m|h)", grace))
            expect(
                timeout < given <= timeout + 15,
                f"docker-compose.yml: {name}'s stop_grace_period is {grace}, but must be a little over "
                f"APP_SHUTDOWN_TIMEOUT, {timeout} s",
            )
