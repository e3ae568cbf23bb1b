"""Skerry: say what a site should do; its machines agree who does it, and keep agreeing while cut off.

Start reading at `skerry.core.pipeline`.
"""
