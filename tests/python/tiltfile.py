"""Evaluates a Tiltfile with Tilt's functions replaced by ones that only take their calls down, and
prints those as JSON: a list of {"function", "args", "kwargs"}."""

import json
import sys

import starlark

FUNCTIONS = [
    "docker_build",
    "helm",
    "k8s_kind",
    "k8s_resource",
    "k8s_yaml",
    "local_resource",
    "update_settings",
]


def main(path: str) -> None:
    calls = []

    def recorder(name):
        def record(*args, **kwargs):
            calls.append({"function": name, "args": list(args), "kwargs": kwargs})
            return f"<{name}>"

        return record

    with open(path, encoding="utf-8") as file:
        ast = starlark.parse(path, file.read(), starlark.Dialect.extended())
    problems = [str(problem) for problem in ast.lint()]
    if problems:
        sys.exit("\n".join(problems))
    module = starlark.Module()
    for name in FUNCTIONS:
        module.add_callable(name, recorder(name))
    starlark.eval(module, ast, starlark.Globals.standard())
    json.dump(calls, sys.stdout)


main(sys.argv[1])
