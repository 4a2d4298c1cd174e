#!/usr/bin/env python3
"""A real Prometheus in front of exporters' pages: what it says of a fleet is what the pages say themselves.

Every page of tests/fixtures/gpus is served on loopback, one of an inference server with counters that grow. A real Prometheus
scrapes them. `aifinops gpu --json` is asked twice, once with each page as a host and once with the Prometheus as the only host,
and both answers are compared card by card. Needs `prometheus` (Debian's package does) and Python alone.

    tests/gpu/prometheus.py [--binary target/debug/aifinops]
"""
import argparse
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PAGES = HERE.parent / "fixtures" / "gpus"
# Pages of exporters, each of which is a machine.
EXPORTERS = ["dcgm", "dcgm_mig", "nvidia_gpu_exporter", "all_smi", "amd_exporter"]
SERVERS = ["sglang", "tgi", "llama_cpp", "triton"]
RATE = 2500
FIGURES = ["utilization", "sm", "memory_used_bytes", "memory_total_bytes", "power_watts", "temperature_celsius", "parent", "profile"]


def growing(begun):
    made = int((time.time() - begun) * RATE)
    names = {"generation_tokens_total": made, "prompt_tokens_total": made * 4, "num_requests_running": 8, "kv_cache_usage_perc": 0.5}
    return "".join(f'vllm:{name}{{engine="0",model_name="growing"}} {value}\n' for name, value in names.items()).encode()


def serve():
    begun = time.time()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.strip("/").split("/")[0]
            file = PAGES / f"{name}.prom"
            body = growing(begun) if name == "growing" else file.read_bytes() if file.is_file() else None
            self.send_response(200 if body is not None else 404)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.send_header("content-length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def scraped(port, place, listen):
    jobs = "".join(
        f"  - job_name: {name}\n    metrics_path: /{name}\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        for name in EXPORTERS + SERVERS + ["growing"]
    )
    config = place / "prometheus.yml"
    config.write_text(f"global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs}")
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={place}/data", f"--web.listen-address=127.0.0.1:{listen}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(place / "log").open("w"))
    wanted = len(EXPORTERS + SERVERS) + 1
    for _ in range(150):
        time.sleep(0.2)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{listen}/api/v1/query?query=sum(up)", timeout=2) as answer:
                result = json.load(answer)["data"]["result"]
                if result and int(result[0]["value"][1]) == wanted:
                    return process
        except OSError:
            pass
    process.kill()
    sys.exit(f"Prometheus has not scraped {wanted} pages in 30 s; its log:\n{(place / 'log').read_text()[-2000:]}")


def asked(binary, place, hosts):
    env = {key: value for key, value in os.environ.items() if not key.startswith("AIFINOPS_")}
    env |= {"AIFINOPS_HOME": str(place / "home"), "AIFINOPS_SYSROOT": str(place / "nothing"), "AIFINOPS_NVML": str(place / "none.so")}
    flags = [f"--gpu-host={name}={url}" for name, url in hosts.items()]
    said = subprocess.run([binary, *flags, "gpu", "--json"], env=env, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(said.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(HERE.parent.parent / "target" / "debug" / "aifinops"))
    parser.add_argument("--listen", type=int, default=19290)
    binary = parser.parse_args()
    if not shutil.which("prometheus"):
        sys.exit("there is no prometheus: apt-get install prometheus")
    place = pathlib.Path(tempfile.mkdtemp(prefix="aifinops-prometheus-"))
    (place / "home").mkdir()
    port = serve()
    prometheus = scraped(port, place, binary.listen)
    faults = []
    try:
        if shutil.which("promtool"):
            for name in EXPORTERS + SERVERS:
                checked = subprocess.run(["promtool", "check", "metrics"], input=(PAGES / f"{name}.prom").read_bytes(), capture_output=True)
                # It also warns of names that it would have chosen otherwise: those are the exporters' own.
                if b"error while linting" in checked.stderr and checked.returncode == 1:
                    faults.append(f"{name}.prom is no page for promtool: {checked.stderr.decode()[:200]}")
        compared = 0
        fleet = asked(binary.binary, place, {"fleet": f"http://127.0.0.1:{binary.listen}"})
        by_fleet = {card["id"]: card for card in fleet["cards"]}
        seen = set()
        for name in EXPORTERS:
            for card in asked(binary.binary, place, {"one": f"http://127.0.0.1:{port}/{name}"})["cards"]:
                # A card that several pages speak of is one card, as whichever of them says it.
                if card["id"] in seen:
                    continue
                seen.add(card["id"])
                other = by_fleet.get(card["id"])
                if other is None:
                    faults.append(f"{name}: the card {card['id']} is not in the fleet")
                    continue
                alone = sum(1 for page in EXPORTERS if card["id"] in (PAGES / f"{page}.prom").read_text().lower()) == 1
                for figure in FIGURES if alone else []:
                    compared += 1
                    if card[figure] != other[figure]:
                        faults.append(f"{name}: {card['id']}: {figure} is {card[figure]} on the page and {other[figure]} by Prometheus")
        if len(by_fleet) != len(seen):
            faults.append(f"the fleet has {len(by_fleet)} cards, the pages {len(seen)}")
        kinds = {server["kind"] for server in fleet["servers"]}
        if not {"vllm", "sglang", "tgi", "llama-cpp", "triton"} <= kinds:
            faults.append(f"servers by Prometheus: {sorted(kinds)}")
        for hosts in ({"one": f"http://127.0.0.1:{port}/growing"}, {"fleet": f"http://127.0.0.1:{binary.listen}"}):
            growing_one = [server for server in asked(binary.binary, place, hosts)["servers"] if server["model"] == "growing"]
            rate = growing_one[0]["now"]["output_tokens_per_second"] if growing_one else None
            # A second of scraping in a few seconds of looking.
            if rate is None or not RATE * 0.4 < rate < RATE * 1.7:
                faults.append(f"{list(hosts)[0]}: {rate} tokens a second, and {RATE} are made")
        source = [source for source in fleet["sources"] if source["name"] == "fleet"]
        print(f"{len(seen)} cards, {compared} figures compared, {len(fleet['servers'])} servers; {source[0]['about']}")
    finally:
        prometheus.terminate()
        prometheus.wait()
        shutil.rmtree(place, ignore_errors=True)
    for fault in faults:
        print(f"✗ {fault}")
    print("✓ a real Prometheus says what the pages say" if not faults else f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
