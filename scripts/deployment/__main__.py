"""Checks the files of the deployment against each other and against the program; see scripts/check-deployment."""

import re
import sys
import tomllib

from compose import FIXED, PROGRAMS, check_agreement, check_rules, check_schema
from files import ROOT, errors, expect, read_compose, read_example, read_readme, read_settings, resolved, text_of, wrong
from image import check_dockerfile


def check_variables(settings, example, compose):
    for name in sorted(settings.keys() - example.keys()):
        wrong(f".env.example: {name} of src/config/settings.rs is missing")
    for name in settings.keys() & example.keys():
        default = settings[name] or ""
        expect(example[name] == default, f".env.example: {name} is {example[name]!r}, but its default is {default!r}")

    used = []
    resolved(compose, {}, used)
    for name, has_default in sorted(set(used)):
        expect(name in example, f"docker-compose.yml: ${{{name}}} is not in .env.example")
        expect(has_default, f"docker-compose.yml: ${{{name}}} has no default, so it does not work without a .env")
    for name in sorted(example.keys() - settings.keys() - {name for name, _ in used}):
        wrong(f".env.example: {name} is neither in src/config/settings.rs nor used in docker-compose.yml")

    for service in PROGRAMS:
        environment = compose["services"][service].get("environment", {})
        for name in sorted(environment.keys() - settings.keys()):
            wrong(f"docker-compose.yml: {service} gets {name}, which is not in src/config/settings.rs")
        for name in sorted(settings.keys() - environment.keys()):
            wrong(f"docker-compose.yml: {service} does not get {name}")
        for name, value in environment.items():
            if name in FIXED:
                expect(value == FIXED[name], f"docker-compose.yml: {service}'s {name} must be {FIXED[name]}")
            elif f"${{{name}:-" not in str(value):
                wrong(f"docker-compose.yml: {service}'s {name} does not follow ${{{name}}}")


def check_readme(settings, example):
    if not (ROOT / "README.md").exists():
        wrong("README.md does not exist, and must have a table of the settings")
        return
    rows = read_readme()
    for name in sorted(settings.keys() - rows.keys()):
        wrong(f"README.md: {name} is not in the table of the settings")
    for name in sorted(rows.keys() - settings.keys() - example.keys()):
        wrong(f"README.md: {name} is in a table, but neither in src/config/settings.rs nor in .env.example")
    for name in sorted(settings.keys() & rows.keys()):
        if settings[name] and rows[name] is not None:
            expect(f"`{settings[name]}`" in rows[name], f"README.md: the default of {name} is `{settings[name]}`")


def check_workflow():
    workflow = text_of(".github/workflows/ci.yml")
    rust = tomllib.loads(text_of("Cargo.toml"))["package"]["rust-version"]
    expect(
        f"rust:{rust}-" in workflow,
        f".github/workflows/ci.yml: it must use the image of Rust {rust}, as Cargo.toml does",
    )
    expect(re.search(r"run: make test$", workflow, re.MULTILINE), ".github/workflows/ci.yml: it does not run make test")


def main():
    settings, example = read_settings(), read_example()
    check_dockerfile()
    check_workflow()
    check_readme(settings, example)
    compose = read_compose()
    if check_schema(compose):
        check_variables(settings, example, compose)
        check_agreement(compose, example)
        check_rules(compose)
    for error in dict.fromkeys(errors):
        print(f"check-deployment: {error}", file=sys.stderr)
    if not errors:
        print(f"check-deployment: the deployment's files agree, on {len(settings)} settings too")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
