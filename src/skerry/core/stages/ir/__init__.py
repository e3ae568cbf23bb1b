"""An intent made into roles with measurable standards, management roles and governance (D2, D3)."""
