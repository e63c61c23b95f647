"""An agent in Python: greets whoever calls, and counts whom it greeted.

Run it with `skep up directives/external.json` from the top of the project; then, in another terminal:
`skep call demo.greet '{"name": "Ann"}'`. docs/EXTERNAL.md tells what the lines mean.
"""

import json
import os
import sys

GREETING = os.environ["GREETING"]
greeted = {}


def say(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)


def cmd_greet(content, caller):
    name = content.get("name", caller)
    greeted[name] = greeted.get(name, 0) + 1
    say("state", state={"greeted": len(greeted)})
    return {"greeting": f"{GREETING}, {name}", "times": greeted[name]}


def cmd_count(content, caller):
    return "\n".join(f"{name}: {times}" for name, times in sorted(greeted.items()))


def call(message):
    handler = {"cmd_greet": cmd_greet, "cmd_count": cmd_count}[message["handler"]]
    caller = message.get("operator", {}).get("name") or message["from"]
    try:
        result = handler(message["content"] or {}, caller)
    except Exception as error:
        say("error", call=message["call"], error=str(error))
    else:
        say("reply", call=message["call"], content=result)


for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "hello":
        print(f"I am {message['agent']} on {message['node']}", file=sys.stderr)
        say("ready", version=1)
    elif message["type"] == "call":
        call(message)
    elif message["type"] == "beacon":
        say("beacon")
    elif message["type"] == "stop":
        break
