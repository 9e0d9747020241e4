"""``weights.safetensors``: a trained network in one file, which says itself what network it is of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveFloat, ValidationError, model_validator
from typing_extensions import Self

from scansearch.documents import check_document, first_problem
from scansearch.errors import ScansearchError
from scansearch.files import check_file, write_bytes
from scansearch.lazy import torch
from scansearch.registry import MODELS
from scansearch.runs.restore import check_weights
from scansearch.shape import ImageShape
from scansearch.space import MOST_LAYERS, Directions

if TYPE_CHECKING:
    from torch import nn

    from scansearch.models import ModelSpec

WEIGHTS = "weights.safetensors"
WEIGHTS_FORMAT = "scansearch/weights/1"
KEY = "scansearch"
"""Of the metadata of a safetensors file, our own."""
MAX_HEADER = 32 << 20  # bytes


class NetworkFacts(BaseModel):
    """What rebuilds a network and its input.

    Args:
        model: A registered model.
        options: Its options that differ from the model's own.
        directions: The directions of each layer.
        shape: Images and classes.
        class_names: One name a class, or none at all.
        mean: Of each channel, which is subtracted from an image; 0 to 1 if images are bytes.
        std: By what it is then divided.

    Raises:
        ValidationError: If they do not fit each other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    options: dict[str, Any]
    directions: tuple[Directions, ...] = Field(min_length=1, max_length=MOST_LAYERS)
    shape: ImageShape
    class_names: tuple[str, ...]
    mean: tuple[FiniteFloat, ...]
    std: tuple[Annotated[PositiveFloat, Field(allow_inf_nan=False)], ...]

    @model_validator(mode="after")
    def _of_its_shape(self) -> Self:
        names, channels = len(self.class_names), self.shape.channels
        if names not in (0, self.shape.classes):
            raise ValueError(
                f"class_names has a name for each of {self.shape.classes} classes or none, but there are {names}"
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels:
                raise ValueError(f"{name} has a number for each of {channels} channels, but there are {len(values)}")
        return self

    @property
    def spec(self) -> ModelSpec:
        """The model.

        Raises:
            ScansearchError: If it is not known here, or does not take these options.
        """
        spec: ModelSpec = MODELS.get(self.model)
        return spec.configure(**self.options)

    def build(self) -> nn.Module:
        """The network with fresh weights; errors as ``spec``."""
        return self.spec.network(self.directions, self.shape)


def save_weights(path: Path, network: nn.Module, facts: NetworkFacts) -> None:
    """Writes a network's weights in one step; errors as ``write_bytes``."""
    from scansearch.runs.safetensors_parts import parts_of

    told = {"format": WEIGHTS_FORMAT, "network": facts.model_dump(mode="json")}
    write_bytes(path, parts_of(network.state_dict(), {KEY: json.dumps(told)}))


def read_network_file(path: Path) -> tuple[NetworkFacts | None, dict[str, torch.Tensor]]:
    """What a safetensors file holds: of which network, if it is one of ours, and the weights on the CPU.

    Raises:
        ScansearchError: If it cannot be read, or what it says of its network is damaged.
    """
    from safetensors import safe_open

    try:
        check_file(path)
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except MemoryError:
        raise
    except OSError as error:
        raise ScansearchError(f"{path}: cannot read these weights: {(error.strerror or str(error)).lower()}") from error
    except Exception as error:  # a file by anyone's hand: there is no telling what its readers stumble over
        raise ScansearchError(
            f"{path}: cannot read these weights: {' '.join(str(error).split())}; restore it"
        ) from error
    return _facts(told[KEY], path) if KEY in told else None, tensors


def load_network(path: Path) -> tuple[NetworkFacts, nn.Module]:
    """The network of a file of ours with its weights, on the CPU and in evaluation mode.

    Raises:
        ScansearchError: If the file is damaged, or is not one of ours.
    """
    facts, tensors = read_network_file(path)
    if facts is None:
        raise ScansearchError(f"{path} does not say what network its weights are for; load it into one of your own")
    network = facts.build()
    put_in(network, tensors, str(path))
    return facts, network.eval()


def put_in(network: nn.Module, tensors: Mapping[str, torch.Tensor], source: str) -> None:
    """Loads all weights into a network, once they were checked.

    Raises:
        ScansearchError: If they are not those of such a network, or not finite.
    """
    try:
        check_weights(dict(tensors), network)
    except ValueError as error:
        raise ScansearchError(f"{source}: {error}; these weights are of another network, or damaged") from error
    network.load_state_dict(dict(tensors))


def _facts(text: str, path: Path) -> NetworkFacts:
    try:
        data = json.loads(text if len(text) <= MAX_HEADER else "")
        check_document(data, f"{path}: ")
        if not isinstance(data, dict) or data.get("format") != WEIGHTS_FORMAT:
            raise ScansearchError(f"{path}: these weights are of another version than {WEIGHTS_FORMAT!r}, or damaged")
        return NetworkFacts.model_validate(data.get("network"))
    except ValidationError as error:
        raise ScansearchError(f"{path}: what it says of its network: {first_problem(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ScansearchError(f"{path}: what it says of its network is no JSON") from error
