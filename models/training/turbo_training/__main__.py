"""`python -m turbo_training prepare|train|evaluate|export`."""

from .cli import main

raise SystemExit(main())
