#!/usr/bin/env python3
"""A real llama-server: what is counted of it is exactly what its answers say that they used.

The model is a few hundred kilobytes of random weights, so what comes out is gibberish, and its counts are real. The card is the
stand-in for NVIDIA's library (fake_nvml.c), which says that the server's process holds its memory: by that the server is found,
on the port where it listens, without any setting.

    tests/gpu/llama.py --server PATH/llama-server --model tiny.gguf [--binary target/debug/aifinops]

A server is built from llama.cpp with cmake; a model as small as that is written with the Python package `gguf`. Neither is a part
of CI: building the server takes a quarter of an hour and more.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def ask(port, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body and json.dumps(body).encode(), headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--binary", default=str(HERE.parent.parent / "target" / "debug" / "aifinops"))
    args = parser.parse_args()
    place = pathlib.Path(tempfile.mkdtemp(prefix="aifinops-llama-"))
    (place / "home").mkdir()
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", place / "libnvidia-ml.so.1", HERE / "fake_nvml.c"], check=True)
    port = free_port()
    log = (place / "server.log").open("w")
    server = subprocess.Popen([args.server, "-m", args.model, "--metrics", "-c", "1024", "-np", "2", "--port", str(port)], stdout=log, stderr=log)
    faults = []
    try:
        for _ in range(200):
            time.sleep(0.1)
            try:
                ask(port, "/health")
                break
            except OSError:
                pass
        else:
            sys.exit(f"the server does not come up: {(place / 'server.log').read_text()[-800:]}")
        (place / "scenario.txt").write_text(
            f"count 1\ngpu0.name NVIDIA H200\ngpu0.uuid GPU-AA\ngpu0.util 70\ngpu0.mem.total {141 << 30}\ngpu0.mem.used {1 << 30}\n"
            f"gpu0.compute 1\ngpu0.compute0.pid {server.pid}\ngpu0.compute0.mem {1 << 30}\n"
        )
        env = {key: value for key, value in os.environ.items() if not key.startswith("AIFINOPS_")}
        env |= {"AIFINOPS_HOME": str(place / "home"), "AIFINOPS_NVML": str(place / "libnvidia-ml.so.1")}
        watch = subprocess.Popen([args.binary, "watch"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(12)
        used = {"prompt_tokens": 0, "completion_tokens": 0}
        for number in range(6):
            words = " ".join(f"word{number}{i}" for i in range(5 + number))
            said = ask(port, "/v1/chat/completions", {"messages": [{"role": "user", "content": words}], "max_tokens": 64 + number})
            for key in used:
                used[key] += said["usage"][key]
            time.sleep(1)
        time.sleep(6)
        one = json.loads(subprocess.run([args.binary, "gpu", "--json"], env=env, capture_output=True, text=True, timeout=60, check=True).stdout)
        watch.send_signal(signal.SIGINT)
        watch.wait(timeout=20)
        book = sqlite3.connect(place / "home" / ".local" / "share" / "aifinops" / "gpus.db")
        prompt, cached, generated, cost = book.execute("SELECT SUM(prompt), SUM(cached), SUM(generated), SUM(cost) FROM serving").fetchone()
        print(f"the answers say {used}; counted: prompt {prompt} + {cached} cached, generated {generated}; {cost and cost / 1e9:.4f} dollars of the card meanwhile")
        if generated != used["completion_tokens"]:
            faults.append(f"{generated} tokens made, and the answers say {used['completion_tokens']}")
        if (prompt or 0) + (cached or 0) != used["prompt_tokens"]:
            faults.append(f"{prompt} + {cached} tokens of prompts, and the answers say {used['prompt_tokens']}")
        shown = one["servers"]
        print("shown:", [{key: one[key] for key in ("name", "kind", "model", "running", "waiting", "cards", "usd_per_hour")} for one in shown])
        if not shown or shown[0]["kind"] != "llama-cpp" or shown[0]["cards"] != ["aa"] or not shown[0]["model"]:
            faults.append("the server is not shown on its card, with its model")
    finally:
        server.kill()
        shutil.rmtree(place, ignore_errors=True)
    for fault in faults:
        print(f"✗ {fault}")
    print("✓ what is counted is what was used" if not faults else f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
