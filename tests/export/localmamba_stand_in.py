"""A stand-in for LocalMamba's code, and genotypes for it."""

from __future__ import annotations

import re

from torch import nn

from scansearch.export.derived import DerivedNetwork
from scansearch.export.localmamba import LOCALMAMBA
from scansearch.genotype import Genotype

SAFE = re.compile(r"scansearch_[a-z0-9_]*local_(vim|vssm)[a-z0-9_]*")
HOSTILE = [
    "x'; import os; os.system('touch hacked') #",
    'local_vim"""\nraise SystemExit',
    "../../etc/passwd",
    "a\r\nb\u2028import os",
    "класс",
    "9 lives",
    "",
    "_",
    "class",
    "None",
    "m" * 5000,
    "local_vim",
    "LOCAL_VIM Tiny (v2)",
    "ⅷ‿x",
]


class Registry:
    """LocalMamba's module: a decorator that registers, and model classes that remember what they were given."""

    def __init__(self):
        self.functions = {}
        self.built = []

    def register_model(self, function):
        self.functions[function.__name__] = function
        return function

    def model(self, name):
        def build(**settings):
            self.built.append((name, settings))
            return nn.Linear(1, 1)

        return build

    def run(self, text):
        scope = {
            "__builtins__": {},  # the snippet needs nothing but what its home module has
            "register_model": self.register_model,
            "VisionMamba": self.model("VisionMamba"),
            "VSSM": self.model("VSSM"),
        }
        exec(compile(text, "snippet", "exec"), scope)
        return self


def export(genotype, folder, title="first"):
    paths = LOCALMAMBA.write(DerivedNetwork(genotype, title=title), folder)
    assert all(path.parent == folder for path in paths)
    assert sorted(paths) == sorted(folder.iterdir())
    return [path.read_text() for path in paths]


def build(text, **arguments):
    registry = Registry().run(text)
    ((name, function),) = registry.functions.items()
    function(**arguments)
    ((model, settings),) = registry.built
    return name, model, settings


def settings_of(text):
    scope = {"__builtins__": {"dict": dict}}
    exec(compile(text, "config", "exec"), scope)
    return scope


RELEASED = {"attention": "channel"}


def searched(model, layers, options=None, shape=(224, 224, 3, 1000), kept=("h", "w2_flip")):
    height, width, channels, classes = shape
    images = {"height": height, "width": width, "channels": channels, "classes": classes}
    return Genotype.from_directions([list(kept)] * layers, model=model, options=options or {}, shape=images)
