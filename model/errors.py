"""Errors of the numerics, one small tree.

    ModelError
    ├── PictureError            one picture is at fault; the others go on
    │   ├── UnreadablePicture   it is (or claims to be) a picture, and cannot be read
    │   └── UnsupportedPicture  it is no picture of a format that we read
    ├── WeightsError            a weights file is missing, damaged or of another architecture
    ├── EvaluationError         the input of a measurement cannot give a figure (one class, nothing to compare)
    ├── DatasetError            a dataset or its manifest cannot be used
    ├── ConfigurationError      a configuration file, or a value in it, cannot be used
    └── CheckpointError         a training checkpoint is damaged, or belongs to another run

None of these is worth a retry: the same input gives the same error. The message is one line that names the cause.
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


class EngineMissing(ModelError):
    """No installed engine runs the network in the wanted precision on that device."""
