"""`python -m vitscope` is `vitscope`."""

from vitscope.cli import main

if __name__ == "__main__":
    main()
