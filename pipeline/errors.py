"""Every error a user can meet. The message says what is wrong, where, and what to do about it.

HandoffError
├── ConfigError      a configuration file or --set value        exit code 2
├── OutputError      the output folder cannot be used           exit code 2
├── SourceError      a camera cannot be opened or read          exit code 2 (at the start), 3 (mid-run)
├── WeightsError     a weight file is absent or does not fit    exit code 2  (defined in reid.errors)
├── DataError        crops to train on or to score         exit code 2  (defined in reid.errors)
├── RecordingError   a recording is missing or cannot be read   exit code 2
├── RunError         the folder of a run lacks what is asked for   exit code 2
└── TruthError       a truth or result file cannot be scored    exit code 2
"""

from reid.errors import DataError, HandoffError, WeightsError

__all__ = [
    "ConfigError",
    "DataError",
    "HandoffError",
    "OutputError",
    "RecordingError",
    "RunError",
    "SourceError",
    "TruthError",
    "WeightsError",
]


class ConfigError(HandoffError):
    """A configuration file, preset or ``--set`` value is wrong; lists all faults at once."""


class OutputError(HandoffError):
    """The output folder cannot be created or written, or holds a run already."""


class SourceError(HandoffError):
    """A camera's source is missing, is not a video, holds no frames, or broke off."""


class RecordingError(HandoffError):
    """A recording is missing, is damaged, or is something else."""


class RunError(HandoffError):
    """The folder of a run is missing, or lacks the file, identity or track that is asked for."""


class TruthError(HandoffError):
    """A truth folder or a run folder cannot be scored."""
