"""The pure part: no clock, chance, sockets, files, logging or asyncio. Start at `pipeline`."""
