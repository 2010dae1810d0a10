"""fowh: a defence testbed for fuzzy one-way hashing.

The Python door. ``fowh.evaluate(scheme="iom")`` takes what the command line takes, as texts or as
objects; the interfaces that plug-ins derive from are here too. Names are imported when they are
first used, so that ``import fowh`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fowh.core.attack import Attack, Renderer
    from fowh.core.dataset import Dataset, Samples
    from fowh.core.errors import InputError
    from fowh.core.leak import Headline, Leak, Observed, Setting, System
    from fowh.core.modality import Modality, Shown
    from fowh.core.protocol import Fold, Protocol
    from fowh.core.randomness import key_stream
    from fowh.core.release import Release
    from fowh.core.scheme import CodeScheme, OutputScheme, Scheme, TemplateScheme
    from fowh.core.target import Lessons, Prepared, Target
    from fowh.core.threat import Threat
    from fowh.core.updates import UpdateScheme
    from fowh.core.view import Query, Version, View
    from fowh.door import Result, check, evaluate, load
    from fowh.metrics import Metric

_HOME = {
    "evaluate": "fowh.door",
    "load": "fowh.door",
    "check": "fowh.door",
    "Result": "fowh.door",
    "Attack": "fowh.core.attack",
    "Renderer": "fowh.core.attack",
    "Dataset": "fowh.core.dataset",
    "Samples": "fowh.core.dataset",
    "InputError": "fowh.core.errors",
    "Headline": "fowh.core.leak",
    "Leak": "fowh.core.leak",
    "Observed": "fowh.core.leak",
    "Setting": "fowh.core.leak",
    "System": "fowh.core.leak",
    "Metric": "fowh.metrics",
    "Modality": "fowh.core.modality",
    "Shown": "fowh.core.modality",
    "Fold": "fowh.core.protocol",
    "Protocol": "fowh.core.protocol",
    "key_stream": "fowh.core.randomness",
    "Release": "fowh.core.release",
    "CodeScheme": "fowh.core.scheme",
    "OutputScheme": "fowh.core.scheme",
    "Scheme": "fowh.core.scheme",
    "TemplateScheme": "fowh.core.scheme",
    "UpdateScheme": "fowh.core.updates",
    "Lessons": "fowh.core.target",
    "Prepared": "fowh.core.target",
    "Target": "fowh.core.target",
    "Threat": "fowh.core.threat",
    "Query": "fowh.core.view",
    "Version": "fowh.core.view",
    "View": "fowh.core.view",
}
__all__ = [
    "Attack",
    "CodeScheme",
    "Dataset",
    "Fold",
    "Headline",
    "InputError",
    "Leak",
    "Lessons",
    "Metric",
    "Modality",
    "Observed",
    "OutputScheme",
    "Prepared",
    "Protocol",
    "Query",
    "Release",
    "Renderer",
    "Result",
    "Samples",
    "Scheme",
    "Setting",
    "Shown",
    "System",
    "Target",
    "TemplateScheme",
    "Threat",
    "UpdateScheme",
    "Version",
    "View",
    "__version__",
    "check",
    "evaluate",
    "key_stream",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'fowh' has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
