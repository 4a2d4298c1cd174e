#!/usr/bin/env python3
"""Fills a gateway that up.sh has brought up: seed.py small | large [--state FILE]

  small   two teams, four users, budgets of every kind, and some 60 calls of all routes through the gateway: streaming and not,
          with tags, sessions and customers, failed ones, and some beyond their budgets. Half a minute.
  large   five teams, 40 users and 10,000 calls of 30 days, six models, written into the database as LiteLLM writes them:
          rows of 7 to 10 kB, the daily tables, what every key, user, team and member has spent. Always the same for a day.

Ids and keys are left in a file that its owner alone may read (state.json beside the gateway's other files).
"""
import argparse
import sys

sys.dont_write_bytecode = True

from gateway import Gateway, write_private  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=["small", "large"])
    parser.add_argument("--state", help="where ids and keys are left")
    options = parser.parse_args()
    gateway = Gateway()
    if options.size == "small":
        from seed_small import seed
    else:
        from seed_large import seed
    state = {"size": options.size, "url": gateway.url, "version": gateway.version, **seed(gateway)}
    write_private(options.state or gateway.run / "state.json", state)
    return 0


if __name__ == "__main__":
    sys.exit(main())
