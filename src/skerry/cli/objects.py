"""Stub."""
import typer
app = typer.Typer()
@app.command()
def put() -> None:
    pass
@app.command()
def get() -> None:
    pass
