"""A plugin for pytest: every public function and class of toolz is a step before anything else of toolz sees it."""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import xray_trace as xray


def is_public(module: str) -> bool:
    first, *rest = module.split(".")
    return first == "toolz" and not any(part == "tests" or part.startswith("_") for part in rest)


class RecordingLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for name, value in list(vars(module).items()):
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__:
                setattr(module, name, xray.step(value))


class Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: object = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if is_public(name) else None
        if spec is not None and spec.loader is not None:
            spec.loader = RecordingLoader(spec.loader)
        return spec


sys.meta_path.insert(0, Finder())
