"""Stub."""
def doctor() -> None:
    pass
