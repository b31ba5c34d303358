"""What the deployment's files say, and the list of what is wrong with them."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / "target" / "tools"
NAME = r"[A-Z][A-Z0-9_]*"
errors: list[str] = []


def wrong(message):
    errors.append(message)


def expect(condition, message):
    if not condition:
        wrong(message)


def text_of(name):
    path = ROOT / name
    if path.exists():
        return path.read_text()
    wrong(f"{name} does not exist")
    return ""


class Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, where YAML's own reader takes the last one silently."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in {key for key in keys if keys.count(key) > 1}:
            wrong(f"docker-compose.yml, line {node.start_mark.line + 1}: {key} is there twice")
        return super().construct_mapping(node, deep)


def read_compose():
    """docker-compose.yml, its variables as they stand."""
    try:
        return yaml.load(text_of("docker-compose.yml"), Loader)
    except yaml.YAMLError as error:
        wrong(f"docker-compose.yml is no YAML: {error}")
        return {}


def interpolate(text, variables, used):
    """The text with its variables' values; `used` gets (name, whether it has a default)."""
    result, at = "", 0
    while (start := text.find("$", at)) >= 0:
        result += text[at:start]
        rest = text[start + 1 :]
        if rest.startswith("$"):
            result, at = result + "$", start + 2
        elif match := re.match(rf"{{({NAME})(:-)?", rest):
            end = closing_brace(text, start + 1)
            given = variables.get(match[1], "")
            default = interpolate(text[start + 1 + match.end() : end], variables, used) if match[2] else ""
            used.append((match[1], bool(match[2])))
            result, at = result + (given or default), end + 1
        elif match := re.match(NAME, rest):
            used.append((match[0], False))
            result, at = result + variables.get(match[0], ""), start + 1 + match.end()
        else:
            wrong(f"docker-compose.yml: {text!r} has a variable of a form that is not used here")
            return text
    return result + text[at:]


def closing_brace(text, opening):
    depth = 0
    for at in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
    wrong(f"docker-compose.yml: {text!r} lacks a closing brace")
    return len(text)


def resolved(value, variables, used=None):
    """The compose file, or a part of it, with its variables replaced."""
    used = [] if used is None else used
    if isinstance(value, dict):
        return {key: resolved(item, variables, used) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, variables, used) for item in value]
    return interpolate(value, variables, used) if isinstance(value, str) else value


def read_settings():
    """Name and default (None: none) of every setting."""
    source = text_of("src/config/settings.rs").partition("SETTINGS: &[Setting] = &[")[2].partition("];")[0]
    settings = dict(re.findall(rf'plain\(\s*"({NAME})",\s*"([^"]*)"', source))
    settings |= dict.fromkeys(re.findall(rf'(?:unset|secret)\(\s*"({NAME})"', source))
    for name, default in re.findall(rf'name: "({NAME})",\s*default: (None|Some\("[^"]*"\))', source):
        settings[name] = None if default == "None" else default[6:-2]
    unread = set(re.findall(rf'"({NAME})"', source)) - settings.keys()
    expect(settings and not unread, f"src/config/settings.rs cannot be read: {sorted(unread) or 'no SETTINGS'}")
    return settings


def read_example():
    """Name and value of every variable in .env.example, each of which stands under a comment of its own."""
    variables, above = {}, ""
    for number, line in enumerate(text_of(".env.example").splitlines(), 1):
        if match := re.fullmatch(rf"(?:# ?)?({NAME})=(.*)", line):
            name, value = match.groups()
            expect(name not in variables, f".env.example, line {number}: {name} is there twice")
            expect(
                above.startswith("# ") and not re.match(rf"# ?({NAME}=|----)", above),
                f".env.example, line {number}: no comment says what {name} means",
            )
            variables[name] = value
        elif line and not line.startswith("#"):
            wrong(f".env.example, line {number}: {line!r} is neither a comment nor NAME=value")
        above = line
    return variables


def read_readme():
    """Name and default (None: the table has no such column) of every variable in the README's tables."""
    rows, header = {}, []
    for line in text_of("README.md").splitlines():
        if not line.startswith("|"):
            header = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        header = header or [cell.lower() for cell in cells]
        default = cells[header.index("default")] if "default" in header and len(cells) == len(header) else None
        names = re.findall(rf"`({NAME})`", cells[0])
        rows |= {name: default if len(names) == 1 else None for name in names}
    return rows
