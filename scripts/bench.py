"""Measures the product as a process, on a private server and the emulator. Called by scripts/bench."""

import argparse
import hashlib
import hmac
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import demo

# Rows that people type into.
TYPED_ROWS = 200
PAUSE = threading.Event()


def usage(pid):
    """CPU seconds so far and the peak of resident memory in MB."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(stat[11]) + int(stat[12])
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return ticks / 100, int(peak.split()[1]) / 1024


def end_of_log(stage):
    if stage.flavor == "mariadb":
        return "mariadb:" + stage.server.query("SELECT @@gtid_binlog_pos").strip()
    return "mysql:" + stage.server.query("SELECT @@gtid_executed").strip().replace("\\n", "").replace("\n", "")


def drain(stage, rounds):
    stage.start()
    stage.in_step()
    limit = "SET SESSION max_recursive_iterations=100000;" if stage.flavor == "mariadb" else "SET SESSION cte_max_recursion_depth=100000;"
    stage.server.sql(f"USE shop; {limit} INSERT INTO stock SELECT CONCAT('S-',n),CONCAT('item ',n),n,n/100,n FROM"
                     " (WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM s WHERE n<50000) SELECT n FROM s) AS numbers;")
    stage.in_step(600)
    stage.sheetwire.send_signal(signal.SIGTERM)
    stage.sheetwire.wait()
    for _ in range(rounds):
        stage.server.sql("USE shop; UPDATE stock SET quantity=quantity+1;")
    goal = end_of_log(stage)
    rows = rounds * 50_003
    begun = time.monotonic()
    stage.run()
    demo.wait_for("the position to reach the end of the log", lambda: stage.status()["position"] == goal, 600)
    caught_up = time.monotonic() - begun
    cpu, _ = usage(stage.sheetwire.pid)
    stage.in_step(900)
    cpu_all, peak = usage(stage.sheetwire.pid)
    return {
        "flavor": stage.flavor, "rows": rows, "seconds": round(caught_up, 2), "rows_per_second": round(rows / caught_up),
        "cpu_seconds": round(cpu, 2), "cpu_seconds_until_equal": round(cpu_all, 2), "seconds_until_equal": round(time.monotonic() - begun, 1),
        "peak_rss_mb": round(peak),
    }


class Asking:
    """A client of the server that stays connected: an answer takes about a millisecond."""

    def __init__(self, server):
        self.client = subprocess.Popen(server.client("-N", "-B", "--unbuffered"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def one(self, question):
        self.client.stdin.write(question + ";\n")
        self.client.stdin.flush()
        return self.client.stdout.readline().rstrip("\n")

    def close(self):
        self.client.stdin.close()
        self.client.wait()


def percentile(values, part):
    return round(sorted(values)[min(len(values) - 1, int(part * len(values)))], 3)


def typed_to_committed(stage, ask, edits, patience, rest=0):
    """Seconds from a person's typing to the committed row, one edit after the other, with seconds of rest between them."""
    took = []
    for number in range(edits):
        PAUSE.wait(rest)
        row, word = 2 + number * 37 % TYPED_ROWS, f"typed {time.monotonic_ns()}"
        key = stage.grid_key(row)
        begun = time.monotonic()
        stage.human("demo-shop", act="type", tab="Orders", cell=f"F{row}", text=word)
        while ask.one(f"SELECT note FROM shop.orders WHERE id={key}") != word:
            if time.monotonic() - begun > patience:
                raise SystemExit(f"{word!r} did not reach row {key} in {patience} s")
        took.append(time.monotonic() - begun)
    return took


def typists(stage, people, seconds):
    """So many people type at once, each into rows of its own; gives the number of edits."""
    edits, end = [0] * people, time.monotonic() + seconds

    def type_on(person):
        number = 0
        while time.monotonic() < end:
            row = 2 + (person + people * number) % TYPED_ROWS
            stage.human("demo-shop", act="type", tab="Orders", cell=f"F{row}", text=f"{person} typed {number}")
            number += 1
            edits[person] = number
            PAUSE.wait(0.5)

    threads = [threading.Thread(target=type_on, args=(person,)) for person in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(edits)


def rings(stage, count):
    """Seconds until each of so many signed rings is answered, every one over a connection of its own, ten a second."""
    secret, took = (stage.folder / "bell-secret").read_bytes().strip(), []
    for number in range(count):
        PAUSE.wait(0.1)
        now, name = time.time(), f"bench-{number}-{time.monotonic_ns()}"
        asked = {"verb": "ring", "spreadsheet": "demo-shop", "sheet": 0, "tab": "Orders", "range": f"F{2 + number}", "kind": "edit", "at": int(now * 1000), "user": None}
        body, stamp = json.dumps(asked).encode(), str(int(now))
        signed = hmac.new(secret, b".".join([stamp.encode(), name.encode(), body]), hashlib.sha256).hexdigest()
        head = {"Content-Type": "application/json", "X-Sheetwire-Timestamp": stamp, "X-Sheetwire-Edit": name, "X-Sheetwire-Signature": f"v1={signed}"}
        begun = time.monotonic()
        with urllib.request.urlopen(urllib.request.Request(f"http://{stage.bell}/", body, head), timeout=10) as answer:
            answer.read()
        took.append(time.monotonic() - begun)
    return took


def calls(stage):
    """Calls so far that Google counts."""
    return sum(call["kind"] in ("read", "write") for call in demo.http("GET", f"{stage.url}/emulator/log?limit=50000")["calls"])


def two_way(stage, people):
    stage.start()
    stage.in_step()
    stage.server.sql(f"USE shop; INSERT INTO orders (customer_id,status,total) SELECT 1+MOD(n,3),'new',n FROM"
                     f" (WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM s WHERE n<{TYPED_ROWS}) SELECT n FROM s) AS numbers;")
    stage.in_step()
    stage.fault(fault="slow", for_ms=250, times=1_000_000)
    rung = rings(stage, 100)
    stage.in_step()
    ask = Asking(stage.server)
    alone = typed_to_committed(stage, ask, 20, 60, rest=5)
    bell = typed_to_committed(stage, ask, 100, 60)
    stage.in_step()
    before, begun = calls(stage), time.monotonic()
    edits = typists(stage, people, 30)
    stage.in_step(300)
    lasted, used = time.monotonic() - begun, calls(stage) - before
    demo.http("POST", f"{stage.url}/emulator/spreadsheets/demo-shop/script/firing", {"on": False})
    sweep = typed_to_committed(stage, ask, 10, 300)
    stage.in_step(300)
    ask.close()
    return {
        "flavor": stage.flavor, "ring_answered_p50_s": percentile(rung, 0.5), "ring_answered_max_s": percentile(rung, 1.0),
        "alone_p50_s": percentile(alone, 0.5), "alone_max_s": percentile(alone, 1.0),
        "typed_to_committed_p50_s": percentile(bell, 0.5), "typed_to_committed_p99_s": percentile(bell, 0.99),
        "sweep_only_p50_s": percentile(sweep, 0.5), "sweep_only_max_s": percentile(sweep, 1.0),
        "typists": people, "edits": edits, "edits_per_second_until_equal": round(edits / lasted, 1), "api_calls_per_edit": round(used / edits, 3),
    }


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("what", choices=["drain", "two-way"])
    parser.add_argument("--flavor", choices=["mysql", "mariadb"], default="mysql")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--typists", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    demo.TARGET = demo.TARGET.parent / "release"
    stage = demo.Stage(options.flavor, 1)
    try:
        figures = drain(stage, options.rounds) if options.what == "drain" else two_way(stage, options.typists)
    finally:
        stage.stop()
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<26} {value}")


main()
