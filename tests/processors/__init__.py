import pytest

pytest.register_assert_rewrite("processors.hook_bench")
