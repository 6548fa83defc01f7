"""`python -m dashboard` is the command `triage`."""

from dashboard.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
