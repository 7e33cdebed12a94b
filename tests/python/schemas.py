"""What jsonschema makes of the OpenAPI document: schemas.py DOCUMENT TABLE. Prints each difference; the last line are counts."""

import json
import sys

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

document, table = sys.argv[1:]
with open(document, encoding="utf-8") as file:
    api = json.load(file)
registry = Registry().with_resource("api", DRAFT202012.create_resource(api))
known: dict[str, Draft202012Validator] = {}
wrong = looked = 0


def compare(what, pointer, value, expected):
    """Counts a value, and tells it where the schema at `pointer` thinks otherwise."""
    global wrong, looked
    looked += 1
    if pointer not in known:
        schema = {"$ref": f"api#{pointer}"}
        known[pointer] = Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())
    if known[pointer].is_valid(value) != expected:
        wrong += 1
        print(f"{what}: {json.dumps(value)} is {'refused' if expected else 'taken'}")


def walk(node, path):
    """Compares every example of what is sent and answered."""
    if isinstance(node, list):
        for at, value in enumerate(node):
            walk(value, f"{path}/{at}")
    if not isinstance(node, dict):
        return
    if "schema" in node and "example" in node and not isinstance(node["example"], str):
        compare(path, f"{path}/schema", node["example"], True)
    for name, value in node.items():
        if name not in ("example", "schemas"):
            escaped = name.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
            walk(value, f"{path}/{escaped}")


with open(table, encoding="utf-8") as file:
    for line in file:
        row = json.loads(line)
        text = json.dumps(row["body"])
        for name in ("$product", "$user", "$order"):
            text = text.replace(name, "0190a0a0-0000-7000-8000-000000000001")
        # What words alone say is taken by the schema.
        expected = row["taken"] or "words" in row
        compare(row["schema"], f"/components/schemas/{row['schema']}", json.loads(text), expected)
for name in ("NewProduct", "ProductChange"):
    for cents in range(1, 100_000):
        compare(f"{name}, price", f"/components/schemas/{name}/properties/price", cents / 100, True)
walk(api, "")
print(f"{looked} values, {wrong} differences")
sys.exit(wrong > 0 or looked < 200_000)
