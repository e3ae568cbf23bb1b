"""Skerry: say what a site should do; its machines agree who does it, and keep agreeing while cut off.

Start reading at `skerry.core.pipeline`.
"""

__version__ = "0.1.0"
