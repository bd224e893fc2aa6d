"""Errors of the numerics, one small tree.

    ModelError
    ├── PictureError            one picture cannot be used
    │   ├── UnreadablePicture   it is (or claims to be) a picture and cannot be read
    │   └── UnsupportedPicture  it is not a picture of a known format
    ├── WeightsError            a weights file is missing, damaged or of another architecture
    ├── FetchError              a published network cannot be fetched, or is not what was fetched before
    ├── EvaluationError         the input has no pairs to measure
    ├── DatasetError            a dataset or its manifest cannot be used
    ├── ConfigurationError      a configuration file, or a value in it, cannot be used
    ├── CheckpointError         a training checkpoint is damaged, or belongs to another run
    ├── EngineMissing           no installed engine runs the network in the wanted precision on that device
    └── DeviceLost              the GPU has failed for the rest of this process

A retry in the same process gives the same error. The message is one line that names the cause.
"""


class ModelError(Exception):
    """Base of all errors that this package raises on purpose."""


class PictureError(ModelError):
    """A picture cannot be decoded; `str(error)` is the reason shown to a person."""


class UnreadablePicture(PictureError):
    """The file is, or by its name claims to be, a picture, and cannot be read."""


class UnsupportedPicture(PictureError):
    """The file's content is no picture of a format that this installation reads."""


class WeightsError(ModelError):
    """A weights file is missing, damaged, or made for another network."""


class FetchError(ModelError):
    """A published network cannot be fetched now, or is not the one that was fetched the first time."""


class EvaluationError(ModelError):
    """The data have no pairs to measure."""


class ConfigurationError(ModelError):
    """A configuration file, or a value in it, cannot be used."""


class CheckpointError(ModelError):
    """A checkpoint is damaged, or belongs to another run."""


class DatasetError(ModelError):
    """A dataset or its manifest cannot be used."""


class DeviceLost(ModelError):
    """The GPU has failed for the rest of this process; another process may use it."""


class EngineMissing(ModelError):
    """No installed engine runs the network in the wanted precision on that device."""
