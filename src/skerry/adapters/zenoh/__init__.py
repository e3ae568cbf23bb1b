"""The network, by Eclipse Zenoh: `fabric.py` within a site, `uplink.py` and `hub.py` between a site and its manager.

`config.py` turns what we need into Zenoh's settings and says why each; `keys.py` names what goes where; `handover.py`
brings what arrives on Zenoh's threads to the event loop.
"""
