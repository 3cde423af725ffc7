"""Measures the product as a process, on a private server and the emulator. Called by scripts/bench."""

import argparse
import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import demo


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


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("what", choices=["drain"])
    parser.add_argument("--flavor", choices=["mysql", "mariadb"], default="mysql")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    demo.TARGET = demo.TARGET.parent / "release"
    stage = demo.Stage(options.flavor, 1)
    try:
        figures = drain(stage, options.rounds)
    finally:
        stage.stop()
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<26} {value}")


main()
