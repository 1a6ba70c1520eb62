"""For every code that a hook's refusal of a record has: a hook that makes it."""

from __future__ import annotations

# Code → hooks/orders.py; its line numbers are those of the examples in the registry.
HOOKS = {
    "hook.process_item": "\n" * 12 + "def process_item(item, ctx):\n    raise ValueError('no price for SKU 4711')\n",
    "hook.transform_item": "def transform_item(item, ctx):\n    return list(item.data)\n",
    "hook.validate_item": "def validate_item(item, ctx):\n    ctx.warning('the order has no lines')\n    return False",
}
