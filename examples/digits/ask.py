"""Ask a served digits notebook over HTTP: python ask.py URL [ROW], prints the true digit and the answer.

URL "-": the service whose `nbcontainer status --json` is on standard input.
"""

from __future__ import annotations

import json
import sys
import urllib.request

from sklearn.datasets import load_digits


def main(url: str, row: int = 0) -> None:
    digits = load_digits()
    body = json.dumps({"pixels": digits.data[row].tolist()}).encode()
    request = urllib.request.Request(f"{url}/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        print(f"a handwritten {digits.target[row]} was read as {answer.read().decode().strip()}")


if __name__ == "__main__":
    address = json.load(sys.stdin)["local_url"] if sys.argv[1] == "-" else sys.argv[1]
    main(address, *map(int, sys.argv[2:3]))
