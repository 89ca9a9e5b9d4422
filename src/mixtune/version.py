"""Version of the installed package, looked up at the first use: every job imports the package, and none needs it."""


def __getattr__(name: str) -> str:
    """Return `__version__`, as an attribute of the package or of this module."""
    if name != "__version__":
        raise AttributeError(f"module 'mixtune' has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mixtune")
    except PackageNotFoundError:  # src/ is on PYTHONPATH
        return "0+unknown"
