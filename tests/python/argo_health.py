"""Runs a health check of Argo CD: reads a list of objects as JSON from standard input, and prints for
each the status that the script gives it."""

import json
import sys

import lupa


def to_lua(runtime, value):
    if isinstance(value, dict):
        return runtime.table_from({key: to_lua(runtime, item) for key, item in value.items()})
    if isinstance(value, list):
        return runtime.table_from([to_lua(runtime, item) for item in value])
    return value


def main(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        script = file.read()
    found = []
    for item in json.load(sys.stdin):
        # A runtime of its own for each, as Argo CD has it: nothing is carried over.
        runtime = lupa.LuaRuntime(unpack_returned_tuples=True)
        runtime.globals().obj = to_lua(runtime, item)
        health = runtime.execute(script)
        found.append({"status": health["status"], "message": health["message"]})
    json.dump(found, sys.stdout)


main(sys.argv[1])
