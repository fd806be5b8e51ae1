"""The root of all errors, and those of weights, crops and the store; `pipeline.errors` draws the whole tree."""


class HandoffError(Exception):
    """Root of all errors that are reported to the user as a message, without a stack trace."""


class WeightsError(HandoffError):
    """A weight file is absent, corrupted, or of another architecture than asked for."""


class DataError(HandoffError):
    """A folder of crops, or the state of an interrupted training, is absent or cannot be used."""


class StoreError(HandoffError):
    """An identity store cannot be opened, read or written."""
