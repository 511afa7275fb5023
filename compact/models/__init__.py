"""The device models; adding one is a file here and a line in `MODELS`."""

from __future__ import annotations

from compact.errors import ParameterError, unknown
from compact.model import Model
from compact.models.auto_oscillator import AutoOscillator, AutoOscillatorLine
from compact.models.auto_oscillator_envelope import AutoOscillatorEnvelope
from compact.models.domain_wall import DomainWall, DomainWallTrack
from compact.models.mgo_memristive import MgoMemristive
from compact.models.mtj import Mtj
from compact.models.mtj_heated import MtjHeated, MtjMacrospinHeated
from compact.models.mtj_held import MtjHeld
from compact.models.mtj_macrospin import MtjMacrospin, MtjSot
from compact.models.multidomain import Multidomain
from compact.models.selector import Selector
from compact.models.telegraph import Telegraph

__all__ = ["MODELS", "get_model"]

MODELS: tuple[Model, ...] = (
    Mtj(),
    MtjHeated(),
    MtjMacrospinHeated(),
    MtjMacrospin(),
    MtjSot(),
    Telegraph(),
    DomainWall(),
    DomainWallTrack(),
    MgoMemristive(),
    Multidomain(),
    MtjHeld(),
    Selector(),
    AutoOscillator(),
    AutoOscillatorLine(),
    AutoOscillatorEnvelope(),
)


def get_model(name: str) -> Model:
    """Model of the given name.

    Raises
    ------
    ParameterError
        If there is none, with the nearest match.
    """
    for model in MODELS:
        if model.name == name:
            return model
    raise ParameterError(unknown("model", name, [m.name for m in MODELS]))
