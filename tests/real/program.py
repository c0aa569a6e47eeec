#!/usr/bin/python3
"""A user's program that creates and revokes keys: its provider is a file. One JSON document in, one out."""

import fcntl
import json
import pathlib
import secrets
import sys


def shown(id):
    return int(id) if sys.argv[2] == "number" else id


asked = json.load(sys.stdin)
place = pathlib.Path(sys.argv[1])
with open(f"{place}.lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    keys = json.loads(place.read_text())
    answer = {}
    if asked["action"] == "create":
        number = secrets.randbelow(10**9)
        id = {
            "plain": f"{number:x}",
            "number": str(number),
            "text": f"Schlüssel {number}",
            "empty": "",
        }[sys.argv[2]]
        value = "made-" + secrets.token_hex(8)
        keys[id] = {"value": value, "label": asked["label"]}
        answer = {"id": shown(id), "key": {"key": value}}
    elif asked["action"] == "list":
        answer = {"keys": [{"id": shown(id), "label": key["label"]} for id, key in keys.items()]}
    elif asked["action"] == "verify":
        answer = {"good": any(key["value"] == asked["key"]["key"] for key in keys.values())}
    elif asked["action"] == "revoke":
        keys.pop(asked["id"], None)
    else:
        answer = {"unsupported": True}
    (new := pathlib.Path(f"{place}.new")).write_text(json.dumps(keys))
    new.replace(place)
json.dump(answer, sys.stdout)
