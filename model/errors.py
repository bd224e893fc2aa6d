"""Errors of the numerics, one small tree.

    ModelError
    ├── PictureError            one picture is at fault; the others go on
    │   ├── UnreadablePicture   it is (or claims to be) a picture, and cannot be read
    │   └── UnsupportedPicture  it is no picture of a format that we read
    ├── WeightsError            a weights file is missing, damaged or of another architecture
    ├── EvaluationError         the input of a measurement cannot give a figure (one class, nothing to compare)
    ├── DatasetError            a dataset or its manifest cannot be used
    ├── ConfigurationError      a configuration file, or a value in it, cannot be used
    ├── CheckpointError         a training checkpoint is damaged, or belongs to another run
    ├── EngineMissing           no installed engine runs the network in the wanted precision on that device
    └── DeviceLost              the GPU has failed; whatever this process asks of it from now on fails too

None of these is worth a retry in this process: the same input gives the same error. The message is one line that names
the cause.
"""


class ModelError(Exception):
    """Base of all errors that this package raises on purpose."""


class PictureError(ModelError):
    """One picture cannot become pixels; `str(error)` is the reason shown to the person."""


class UnreadablePicture(PictureError):
    """The file is, or by its name claims to be, a picture, and cannot be read."""


class UnsupportedPicture(PictureError):
    """The file's content is no picture of a format that this installation reads."""


class WeightsError(ModelError):
    """A weights file is missing, damaged, or made for another network."""


class EvaluationError(ModelError):
    """A measurement was asked of data that cannot give it."""


class ConfigurationError(ModelError):
    """A configuration file, or a value in it, cannot be used."""


class CheckpointError(ModelError):
    """A checkpoint is damaged, or belongs to another run."""


class DatasetError(ModelError):
    """A dataset or its manifest cannot be used."""


class DeviceLost(ModelError):
    """The GPU failed in the middle of its work, and stays failed until the process ends; another process may go on."""


class EngineMissing(ModelError):
    """No installed engine runs the network in the wanted precision on that device."""
