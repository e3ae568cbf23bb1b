"""asyncio: the one loop, and what runs beside it."""
