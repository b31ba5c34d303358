"""What Dockerfile and .dockerignore must say."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

from compose import FIXED
from files import ROOT, TOOLS, expect, text_of, wrong


def check_dockerfile():
    dockerfile = text_of("Dockerfile")
    lint = subprocess.run(
        [TOOLS / "venv" / "bin" / "hadolint", "--no-color", "--failure-threshold", "style", ROOT / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in (lint.stdout + lint.stderr).splitlines():
        wrong(f"hadolint: {line.removeprefix(f'{ROOT}/')}")
    expect(lint.returncode == 0 or lint.stdout or lint.stderr, f"hadolint ended with status {lint.returncode}")
    for reason in re.findall(r"^(.*)\n# hadolint ignore=", dockerfile, re.MULTILINE):
        expect(reason.startswith("# "), "Dockerfile: a 'hadolint ignore' without a comment above it that says why")

    manifest = tomllib.loads(text_of("Cargo.toml"))
    stages = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    rust = manifest["package"]["rust-version"]
    expect(
        stages == ["node:20-bookworm-slim", f"rust:{rust}-slim-bookworm", "debian:bookworm-slim"],
        f"Dockerfile: it builds from {', '.join(stages)}, but must from node:20-bookworm-slim, "
        f"rust:{rust}-slim-bookworm (the rust-version of Cargo.toml) and debian:bookworm-slim",
    )
    for target in (target for kind in ("bin", "test", "bench") for target in manifest.get(kind, [])):
        expect("path" in target, f"Cargo.toml: {target['name']} needs a path: Dockerfile makes a stub of it from that")
    runtime = re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[-1]
    for program in (target["name"] for target in manifest["bin"]):
        expect(f"--bin {program}" in dockerfile, f"Dockerfile: {program} is not built")
        expect(f"release/{program} " in runtime, f"Dockerfile: {program} is not copied into the image")
    users = re.findall(r"^USER (.*)", runtime, re.MULTILINE)
    expect(
        users and re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]), "Dockerfile: USER must be a fixed uid:gid, not root's"
    )
    for line in ("EXPOSE 8000", "VOLUME /var/lib/filemanager", 'CMD ["filemanager"]'):
        expect(re.search(rf"^{re.escape(line)}$", runtime, re.MULTILINE), f"Dockerfile: {line} is missing")
    for name in ("APP_HOST", "APP_DATA_DIR"):
        expect(f"{name}={FIXED[name]}" in runtime, f"Dockerfile: ENV {name}={FIXED[name]} is missing")
    expect(re.search(r'^HEALTHCHECK .*"filemanager", "health"', runtime, re.MULTILINE), "Dockerfile: no HEALTHCHECK")
    check_build_context()


def check_build_context():
    """Whatever the sources include while they are compiled must be in the image's build."""
    ignored = text_of(".dockerignore").splitlines()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    expect("*" in ignored, ".dockerignore: it must leave everything out (*) and name what stays")
    for needed in ("Cargo.toml", "Cargo.lock", "src", "migrations"):
        expect(needed in kept, f".dockerignore: !{needed} is missing")
    for source in (ROOT / "src").rglob("*.rs"):
        if source.name == "tests.rs" or "tests" in source.parent.relative_to(ROOT).parts:
            continue
        compiled = source.read_text().partition("#[cfg(test)]")[0]
        included = [source.parent / path for path in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', compiled)]
        included += [ROOT / path for path in re.findall(r'(?:migrate|include_dir)!\(\s*"(?:\./)?([^"$]+)"', compiled)]
        from_root = r'CARGO_MANIFEST_DIR"\),\s*"/([^"]+)"|"\$CARGO_MANIFEST_DIR/([^"]+)"'
        included += [ROOT / (first or second) for first, second in re.findall(from_root, compiled)]
        for path in included:
            top = Path(os.path.normpath(path)).relative_to(ROOT).parts[0]
            expect(top in kept, f".dockerignore: !{top} is missing, {source.relative_to(ROOT)} includes {path.name}")
