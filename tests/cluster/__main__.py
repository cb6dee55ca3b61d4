"""`python -m tests.cluster up|down|build|status`: the test cluster by hand."""

from __future__ import annotations

import argparse
import sys
import time

from tests.cluster import build, control
from tests.cluster.instance import NAMESPACE, RESTRICTED, Instance


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description="A real one-node Kubernetes.")
    parser.add_argument("verb", choices=("up", "down", "build", "status"))
    verb, instance = parser.parse_args().verb, Instance.chosen()

    def say(text: str) -> None:
        print(text, flush=True)

    try:
        if verb == "build":
            say(f"the test cluster's programs are in {build.build(say)}")
        elif verb == "down":
            control.down(instance)
        elif verb == "up":
            began = time.monotonic()
            new = control.up(instance, say)
            say(f"ready in {time.monotonic() - began:.1f} s" if new else "it is up already")
            tell(instance)
        elif control.running(instance):
            tell(instance)
        else:
            say("down")
            return 1
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def tell(instance: Instance) -> None:
    print(f"export KUBECONFIG={instance.limited}    # may do what docs/kubernetes-role.yaml says")
    print(f"export KUBECONFIG={instance.admin}    # may do everything")
    print(f"namespaces {NAMESPACE}, {RESTRICTED}; registry {instance.registry} (plain http)")


if __name__ == "__main__":
    sys.exit(main())
