"""The part of timm that our models are registered with, for where timm cannot be imported: a registry and ``create_model``."""

from __future__ import annotations

import sys
from types import ModuleType

ENTRYPOINTS, DEFAULT_CFGS = {}, {}


def register_model(function):
    """Under the function's name, with what its module has for that in ``default_cfgs``, as timm does."""
    module = sys.modules[function.__module__]
    module.__all__.append(function.__name__)
    ENTRYPOINTS[function.__name__] = function
    DEFAULT_CFGS[function.__name__] = module.default_cfgs[function.__name__]
    return function


def create_model(
    model_name, pretrained=False, pretrained_cfg=None, pretrained_cfg_overlay=None, cache_dir=None, **kwargs
):
    """Passes on what is not ``None``, as timm does, which allows no ``/`` and no ``:`` in a name."""
    assert not {*"/:."} & {*model_name}
    given = {name: value for name, value in kwargs.items() if value is not None}
    return ENTRYPOINTS[model_name](
        pretrained=pretrained,
        pretrained_cfg=pretrained_cfg,
        pretrained_cfg_overlay=pretrained_cfg_overlay,
        cache_dir=cache_dir,
        **given,
    )


def modules():
    """``timm`` and ``timm.models``."""
    timm, models = ModuleType("timm"), ModuleType("timm.models")
    models.register_model, models.generate_default_cfgs = register_model, dict
    timm.create_model, timm.models = create_model, models
    timm.list_models = lambda pattern: sorted(ENTRYPOINTS)
    return {"timm": timm, "timm.models": models}
