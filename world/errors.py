"""Every error of the synthetic world that a user can meet."""


class WorldError(Exception):
    """Root of all errors that are reported to the user as a message, without a stack trace."""


class OpenGLError(WorldError):
    """This machine gives no OpenGL context without a screen."""


class SceneError(WorldError):
    """The scenes cannot give what is asked of them."""
