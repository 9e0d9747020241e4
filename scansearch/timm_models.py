"""Our networks as models of timm: ``import scansearch.timm_models``, and ``timm.create_model`` builds them.

    import scansearch.timm_models
    network = timm.create_model("scansearch_local_vim_tiny", genotype="local_vim_tiny", num_classes=10, img_size=224)

timm has no plug-ins: whatever is registered when it is asked is there. Its names are those of Python functions, and so ours are
``scansearch_MODEL``, for every model here whose family timm can be told about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.genotype import Genotype, find_genotype, published, published_names
from scansearch.models.genotype_fit import check_genotype
from scansearch.models.local_vim.network import LocalVim
from scansearch.models.local_vmamba.network import LocalVMamba
from scansearch.models.mixer_spec import MixerSpec
from scansearch.models.model_spec import Directions
from scansearch.models.vmamba.network import VMamba
from scansearch.models.weight_check import with_options
from scansearch.registry import MODELS
from scansearch.retraining.final_source import IMAGENET, IMAGENET_SHAPE, open_final
from scansearch.retraining.inherit import Donor, head_of, take_over
from scansearch.shape import ImageShape, shape_from

try:
    from timm.models import generate_default_cfgs, register_model
except (ImportError, RuntimeError) as error:  # a torchvision that does not fit torch raises the latter
    raise UnsupportedError(
        f'timm cannot be imported ({str(error).splitlines()[0]}); pip install "scansearch[timm]", with a torchvision that fits this torch'
    ) from error

PREFIX = "scansearch_"
__all__ = ["LocalVMambaForTimm", "LocalVimForTimm", "VMambaForTimm"]


class TimmFace(nn.Module):
    """What timm asks of a model beyond ``forward``, ``forward_features``, ``forward_head`` and ``no_weight_decay``, which networks have.

    Attributes:
        pretrained_cfg: What timm's data pipeline reads: ``input_size``, ``mean``, ``std``, ``num_classes``, ``classifier``.
    """

    pretrained_cfg: dict[str, Any]
    num_features: Any
    shape: ImageShape
    layer_numbers: Callable[[], dict[str, int]]

    @property
    def default_cfg(self) -> dict[str, Any]:
        """The older name of ``pretrained_cfg``."""
        return self.pretrained_cfg

    @property
    def num_classes(self) -> int:
        """Classes; 0 where the head is taken away."""
        head = self.get_classifier()
        return head.out_features if isinstance(head, nn.Linear) else 0

    def get_classifier(self) -> nn.Module:
        """The last linear map."""
        return self.get_submodule(self.pretrained_cfg["classifier"])

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Gives the network a new head; with 0 classes none, and ``forward`` gives the pooled features."""
        _check_pool(global_pool)
        like = next(self.parameters())
        head = nn.Linear(self.num_features, num_classes).to(like) if num_classes else nn.Identity()
        if isinstance(head, nn.Linear):
            nn.init.trunc_normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)
            self.shape = replace(self.shape, classes=num_classes)
        self.set_submodule(self.pretrained_cfg["classifier"], head)

    def group_matcher(self, coarse: bool = False) -> Callable[[str], int]:
        """In which layer a parameter or a module stands, by its name; for learning rates layer by layer."""
        numbers = self.layer_numbers()

        def number(name: str) -> int:
            return next(n for own, n in numbers.items() if own == name or own.startswith(f"{name}."))

        return number

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Refuses.

        Raises:
            UnsupportedError: If it shall be enabled.
        """
        if enable:
            raise UnsupportedError(
                "these networks have no gradient checkpointing; create them with mixture=recompute, which computes scans again in chunks"
            )


class LocalVimForTimm(TimmFace, LocalVim):
    """A LocalVim or a Vim."""

    @property
    def num_features(self) -> int:
        """Channels of the features."""
        return self.options.embed_dim

    head_hidden_size = num_features


class LocalVMambaForTimm(TimmFace, LocalVMamba):
    """A LocalVMamba, or VMamba as its paper has it."""

    @property
    def num_features(self) -> int:
        """Channels of the features."""
        return self.options.widths[-1]

    head_hidden_size = num_features


class VMambaForTimm(TimmFace, VMamba):
    """Today's VMamba."""

    @property
    def num_features(self) -> int:
        """Channels of the features."""
        return self.options.widths[-1]

    head_hidden_size = num_features


FACES: dict[type[nn.Module], Any] = {LocalVim: LocalVimForTimm, LocalVMamba: LocalVMambaForTimm, VMamba: VMambaForTimm}


def create(
    model: str,
    pretrained: bool = False,
    *,
    genotype: str | Path | Genotype | None = None,
    num_classes: int | None = None,
    img_size: int | tuple[int, int] | None = None,
    in_chans: int | None = None,
    drop_path_rate: float | None = None,
    drop_rate: float = 0.0,
    global_pool: str | None = None,
    pretrained_cfg: Any = None,
    pretrained_cfg_overlay: dict[str, Any] | None = None,
    cache_dir: Any = None,
    **options: Any,
) -> nn.Module:
    """What ``timm.create_model("scansearch_MODEL", ...)`` gives.

    Args:
        model: A registered model.
        pretrained: Take the weights, too, of the training that ``genotype`` names by its run folder.
        genotype: A run folder, a genotype file or a published name; by default the published one that is called as the model is.
        num_classes: Classes, 0 for none; by default the genotype's, or 1000.
        img_size: Side, or (height, width), in pixels; by default the genotype's, or 224.
        in_chans: Colour channels; by default the genotype's, or 3.
        drop_path_rate: The model's option ``drop_path``.
        drop_rate: 0; these heads have no dropout.
        global_pool: ``None``; pooling is the network's own.
        pretrained_cfg: Not looked at: there are no weights to fetch.
        pretrained_cfg_overlay: What to change in the network's ``pretrained_cfg``.
        cache_dir: Not looked at.
        **options: Options of the model; they win over those of the genotype.

    Raises:
        ScansearchError: If something is asked for that these networks have not, or the genotype does not fit.
    """
    found = _genotype(model, genotype)
    _check_pool(global_pool)
    if drop_rate:
        raise UnsupportedError(
            f"these networks have no dropout before their head, but got drop_rate={drop_rate}; take drop_path_rate"
        )
    given = {**options, **({} if drop_path_rate is None else {"drop_path": drop_path_rate})}
    own = dict(found.options or {}) if found.model == model else {}
    spec: MixerSpec = MODELS.get(model).configure(**{**own, **given})
    known = found.shape or IMAGENET_SHAPE
    classes = known.classes if num_classes is None else num_classes
    shape = shape_from(
        classes or 1, known.size if img_size is None else img_size, known.channels if in_chans is None else in_chans
    )
    check_genotype(found, spec, shape)
    spec.parameters(found.directions, shape)  # checks them
    network = FACES[spec.classes()[0]](spec.options, found.directions, shape)
    mean, std = (
        _take_weights(network, spec, found.directions, genotype, shape) if pretrained else _usual(shape.channels)
    )
    network.pretrained_cfg = {**_facts(spec, shape, mean, std), **(pretrained_cfg_overlay or {})}
    if not classes:
        network.reset_classifier(0)
    network.pretrained_cfg["num_classes"] = network.num_classes
    made: nn.Module = network
    return made


def _genotype(model: str, source: str | Path | Genotype | None) -> Genotype:
    if isinstance(source, Genotype):
        return source
    if source is None and model not in published_names():
        raise ScansearchError(
            f"{model} needs genotype=: a run folder, a genotype file, or one of {', '.join(published_names())}"
        )
    return published(model) if source is None else find_genotype(str(source))


def _take_weights(
    network: nn.Module, spec: MixerSpec, directions: Directions, source: Any, shape: ImageShape
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if not isinstance(source, (str, Path)) or not Path(source).exists():
        raise ScansearchError(
            "pretrained=True takes the weights of a training, but genotype= names none; name its run folder, or leave pretrained out"
        )
    final = open_final(source)
    facts = final.facts
    donor = Donor(final.network, facts.shape, str(source), with_options(facts.model, facts.options))
    take_over(network, donor, shape, head_of(spec, directions, shape, donor.shape))
    return facts.mean, facts.std


def _usual(channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return IMAGENET if channels == 3 else ((0.5,) * channels, (0.5,) * channels)


def _facts(spec: MixerSpec, shape: ImageShape, mean: tuple[float, ...], std: tuple[float, ...]) -> dict[str, Any]:
    plain = spec.classes()[0] is LocalVim
    return {
        "architecture": PREFIX + spec.name,
        "input_size": (shape.channels, *shape.size),
        "fixed_input_size": True,
        "num_classes": shape.classes,
        "interpolation": "bicubic",
        "crop_pct": 0.875,
        "crop_mode": "center",
        "pool_size": None,
        "mean": mean,
        "std": std,
        "first_conv": "patch_embed.proj" if plain else "patch_embed.0",
        "classifier": "head" if plain else "classifier.head",
    }


def _check_pool(global_pool: str | None) -> None:
    if global_pool not in (None, "", "avg", "token"):
        raise UnsupportedError(
            f"the pooling of these networks is their own, but got global_pool={global_pool!r}; leave it out"
        )


def _registered() -> dict[str, MixerSpec]:
    specs = {name: MODELS.get(name) for name in MODELS.names()}
    return {
        name: s
        for name, s in specs.items()
        if isinstance(s, MixerSpec) and s.classes()[0] in FACES and name.isidentifier()
    }


default_cfgs = generate_default_cfgs(
    {PREFIX + name: _facts(spec, IMAGENET_SHAPE, *IMAGENET) for name, spec in _registered().items()}
)
"""Where timm looks what the models are like before they are made."""


def _register(name: str) -> None:
    function: Any = partial(create, name)
    function.__name__ = PREFIX + name
    function.__module__ = __name__
    function.__doc__ = f"``{name}``; see ``create``."
    register_model(function)


for _name in _registered():
    _register(_name)
