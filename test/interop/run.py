"""All checks, or those whose name contains the argument: `python run.py forward`. Started by scripts/interop.mjs."""

import sys

import check_config  # noqa: F401
import check_forward  # noqa: F401
import check_modeling  # noqa: F401
import check_output  # noqa: F401
import check_perplexity  # noqa: F401
import check_pruners  # noqa: F401
import check_rotation  # noqa: F401
import check_tasks  # noqa: F401
from harness import run

sys.exit(1 if run(sys.argv[1] if len(sys.argv) > 1 else "") else 0)
