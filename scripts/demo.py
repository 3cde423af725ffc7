"""A private server, the Sheets emulator and sheetwire between them. Called by scripts/demo; Python's standard library only."""

import argparse
import json
import os
import pathlib
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
PASSWORD = "demo-reader-password"
WRITER_PASSWORD = "demo-writer-password"
BOOKS = {"demo-shop": "Shop", "demo-stock": "Stock"}
TABLES = {
    "orders": ("demo-shop", "Orders"),
    "customers": ("demo-shop", "Customers"),
    "stock": ("demo-stock", "Stock"),
}
COLUMNS = {
    "orders": ["id", "customer_id", "status", "total", "due_on", "note", "changed_at"],
    "customers": ["id", "name", "email", "since"],
    "stock": ["sku", "title", "quantity", "price", "barcode"],
}
# What is kept both ways, and how. The stock is shown only.
BOTH = {
    "orders": 'owner = { changed_at = "database" }\non_delete = { in_sheet = "remove" }\nbrake = { rows = 20, percent = 50 }',
    "customers": "",
}
SAMPLE = """
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(80) NOT NULL, email VARCHAR(120), since DATE);
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer_id INT NOT NULL, status ENUM('new','paid','sent','done') NOT NULL,
  total DECIMAL(10,2) NOT NULL, due_on DATE, note VARCHAR(200), changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE stock (sku VARCHAR(20) PRIMARY KEY, title VARCHAR(80) NOT NULL, quantity INT NOT NULL, price DECIMAL(8,2), barcode BIGINT UNSIGNED);
INSERT INTO customers (name, email, since) VALUES ('Ada', 'ada@example.org', '2024-02-29'), ('Grace', NULL, '2023-12-01'), ('Edsger', '', '2022-05-11');
INSERT INTO orders (customer_id, status, total, due_on, note) VALUES (1,'new',19.90,'2026-12-01','gift wrap'), (2,'paid',250.00,NULL,'=1+1 is text here'),
  (1,'sent',7.50,'2026-11-24',NULL), (3,'done',1200.10,'2026-10-01','007');
INSERT INTO stock VALUES ('A-1','Anvil',12,99.90,4006381333931), ('B-7','Bolt M8',4000,0.12,NULL), ('C-3','Crate',55,14.00,18446744073709551615);
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition, seconds=60):
    """Waits until the condition holds; a condition that raises counts as not yet."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    last = None
    while time.monotonic() < end:
        try:
            last = condition()
            if last:
                return last
        except Exception as error:  # the last reason is told when time is up
            last = error
        pause.wait(0.1)
    raise SystemExit(f"gave up waiting for {what} after {seconds} s: {last}")


def http(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


class Server:
    """A private MySQL or MariaDB with its own folder and port."""

    def __init__(self, flavor, folder):
        self.flavor, self.folder, self.port = flavor, folder, free_port()
        env = subprocess.run([ROOT / "scripts/setup", "--print-env"], check=True, capture_output=True, text=True).stdout
        self.paths = dict(line.split("=", 1) for line in env.splitlines() if "=" in line)
        self.process = None

    def programs(self):
        if self.flavor == "mariadb":
            return [self.paths["SHEETWIRE_MARIADBD"]], [self.paths["SHEETWIRE_MARIADB_CLIENT"]]
        return [self.paths["SHEETWIRE_MYSQLD"]], [self.paths["SHEETWIRE_MYSQL_CLIENT"]]

    def start(self):
        server, _ = self.programs()
        data, config = self.folder / "data", self.folder / "my.cnf"
        common = f"""[mysqld]
port={self.port}
bind-address=127.0.0.1
socket={self.folder}/server.sock
datadir={data}
tmpdir={self.folder}
pid-file={self.folder}/server.pid
log_error={self.folder}/server.log
user={os.environ.get('USER', 'root') if os.getuid() else 'root'}
server_id=1
log_bin=binlog
binlog_format=ROW
binlog_row_metadata=FULL
sync_binlog=0
innodb_flush_log_at_trx_commit=2
innodb_buffer_pool_size=64M
"""
        if self.flavor == "mysql":
            share = self.paths["SHEETWIRE_MYSQL_BASE"]
            common += f"""basedir={share}
lc_messages_dir={share}/share/mysql
character_sets_dir={share}/share/mysql/charsets
plugin_dir={share}/lib/mysql/plugin
secure_file_priv=
mysqlx=OFF
gtid_mode=ON
enforce_gtid_consistency=ON
"""
        config.write_text(common)
        if self.flavor == "mysql":
            data.mkdir()
            subprocess.run([*server, f"--defaults-file={config}", "--initialize-insecure"], check=True)
        else:
            install = [self.paths["SHEETWIRE_MARIADB_INSTALL_DB"], "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
            if os.getuid() == 0:
                install.append("--user=root")
            subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen([*server, f"--defaults-file={config}"], stdin=subprocess.DEVNULL)
        wait_for(f"{self.flavor} to answer", lambda: self.query("SELECT 1") == "1\n")
        if self.flavor == "mariadb":
            self.sql("DELETE FROM mysql.global_priv WHERE User=''; FLUSH PRIVILEGES;")
        monitor = "BINLOG MONITOR" if self.flavor == "mariadb" else "REPLICATION CLIENT"
        self.sql(SAMPLE)
        self.sql(
            f"CREATE USER 'sheetwire'@'%' IDENTIFIED BY '{PASSWORD}'; GRANT REPLICATION SLAVE, {monitor} ON *.* TO 'sheetwire'@'%';"
            " GRANT SELECT ON shop.* TO 'sheetwire'@'%';"
        )
        self.sql(
            f"CREATE USER 'sheetwire_writer'@'%' IDENTIFIED BY '{WRITER_PASSWORD}'; GRANT SELECT, INSERT, UPDATE, DELETE ON shop.orders TO 'sheetwire_writer'@'%';"
            " GRANT SELECT, INSERT, UPDATE ON shop.customers TO 'sheetwire_writer'@'%';"
        )

    def client(self, *more):
        _, client = self.programs()
        return [*client, "--no-defaults", f"--socket={self.folder}/server.sock", "-uroot", "--default-character-set=utf8mb4", *more]

    def sql(self, text):
        done = subprocess.run(self.client(), input=text, text=True, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"{self.flavor}: {done.stderr.strip()}")

    def query(self, text):
        return subprocess.run(self.client("-N", "-B", "-e", text), check=True, text=True, capture_output=True).stdout

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)


class Stage:
    """Everything of one demo, in one temporary folder."""

    def __init__(self, flavor, rate, port=0):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sheetwire-demo-"))
        self.flavor, self.rate = flavor, rate
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.bell = f"127.0.0.1:{free_port()}"
        self.server = Server(flavor, self.folder)
        self.emulator = self.sheetwire = None
        self.log = self.folder / "sheetwire.log"
        self.config = self.folder / "sheetwire.toml"

    def start(self):
        self.server.start()
        key, secret = self.folder / "google.json", self.folder / "bell-secret"
        self.write_secret("bell-secret", secrets.token_hex(32))
        words = [TARGET / "sheets-emulator", "--listen", f"127.0.0.1:{self.port}", "--clock-rate", str(self.rate), "--write-service-account", key]
        words += ["--script", ROOT / "apps-script/Code.gs", "--script-url", f"http://{self.bell}/", "--script-secret-file", secret, "--script-setup"]
        for book, title in BOOKS.items():
            words += ["--spreadsheet", f"{book}={title}"]
        with open(self.folder / "emulator.log", "wb") as log:
            self.emulator = subprocess.Popen(words, stdout=log, stderr=log)
        wait_for("the emulator to answer", lambda: key.exists() and http("GET", f"{self.url}/emulator/spreadsheets") is not None)
        self.write_config(key)
        self.run()

    def write_config(self, key):
        secret, writer = self.write_secret("password", PASSWORD), self.write_secret("writer-password", WRITER_PASSWORD)
        text = f"""name = "demo"
data_dir = "{self.folder}/state"
[mysql]
host = "127.0.0.1"
port = {self.server.port}
user = "sheetwire"
password_file = "{secret}"
[mysql.writer]
user = "sheetwire_writer"
password_file = "{writer}"
[webhook]
listen = "{self.bell}"
secret_file = "{self.folder}/bell-secret"
[sheets]
endpoint = "{self.url}/"
credentials_file = "{key}"
"""
        for table, (book, tab) in TABLES.items():
            text += f'\n[[table]]\nfrom = "shop.{table}"\nto = {{ spreadsheet = "{book}", tab = "{tab}" }}\ncolumns = {json.dumps(COLUMNS[table])}\n'
            text += f'direction = "both"\n{BOTH[table]}\n' if table in BOTH else 'direction = "to_sheet"\n'
        self.config.write_text(text)

    def write_secret(self, name, content):
        path = self.folder / name
        path.write_text(content)
        path.chmod(0o600)
        return path

    def environment(self):
        return {**os.environ, "SHEETWIRE_CLOCK_RATE": str(self.rate)}

    def run(self):
        with open(self.log, "ab") as log:
            words = [TARGET / "sheetwire", "run", "--config", self.config, "--log-format", "json"]
            self.sheetwire = subprocess.Popen(words, stdout=log, stderr=log, env=self.environment())

    def ask(self, *words):
        return subprocess.run([TARGET / "sheetwire", *words, "--config", self.config], capture_output=True, text=True, env=self.environment())

    def status(self):
        return json.loads(self.ask("status", "--json").stdout)

    def idle(self):
        return self.status()["idle"]

    def human(self, book, **act):
        http("POST", f"{self.url}/emulator/spreadsheets/{book}/human", act)

    def fault(self, **fault):
        http("POST", f"{self.url}/emulator/faults", fault)

    def held(self):
        """Ordinals of the calls that Google holds back."""
        return http("GET", f"{self.url}/emulator/faults")["held"]

    def release(self):
        http("POST", f"{self.url}/emulator/faults/release", {})

    def struck(self, name):
        """How many calls met this fault so far."""
        return sum(call["fault"] == name for call in http("GET", f"{self.url}/emulator/log?limit=100000")["calls"])

    def said(self, words):
        """How often sheetwire has said this so far."""
        return self.log.read_text(errors="replace").count(words)

    def rows_of(self, table, condition):
        """Rows of a table that meet a condition."""
        return int(self.server.query(f"SELECT COUNT(*) FROM shop.{table} WHERE {condition}"))

    def bulk_rows(self):
        """Rows of the large transaction that stand in the tab."""
        grid = http("GET", f"{self.url}/emulator/spreadsheets/demo-stock/grid?tab=Stock&from=1&rows=60000")
        return sum(str((row or [{}])[0].get("v", "")).startswith("BULK-") for row in grid["rows"])

    def grid_key(self, row):
        """What stands in the first column of a row of Orders."""
        grid = http("GET", f"{self.url}/emulator/spreadsheets/demo-shop/grid?tab=Orders&from={row - 1}&rows=1")
        return grid["rows"][0][0]["v"]

    def compare(self, table):
        """Asks the oracle, which shares no code with sheetwire."""
        book, tab = TABLES[table]
        _, client = self.server.programs()
        words = [sys.executable, ROOT / "scripts/oracle.py", "--client", " ".join(client), "--host", "127.0.0.1", "--port", str(self.server.port)]
        words += ["--user", "sheetwire", "--table", f"shop.{table}", "--emulator", self.url, "--spreadsheet", book, "--tab", tab]
        return subprocess.run(words, capture_output=True, text=True, env={**os.environ, "ORACLE_PASSWORD": PASSWORD})

    def in_step(self, seconds=120):
        """Waits until the oracle finds every table equal; gives rows and cells."""
        sums = [0, 0]
        for table in TABLES:
            done = [None]

            def equal(table=table, done=done):
                if self.sheetwire.poll() is not None:
                    raise SystemExit(f"sheetwire stopped with {self.sheetwire.returncode}:\n{tail(self.log)}")
                done[0] = self.compare(table)
                return done[0].returncode == 0

            try:
                wait_for(f"{table} to be equal", equal, seconds)
            except SystemExit:
                print(done[0].stdout[-3000:], done[0].stderr[-3000:], tail(self.log), sep="\n")
                raise
            words = done[0].stdout.strip().splitlines()[-1].replace(",", "").split()
            sums[0] += int(words[1])
            sums[1] += int(words[3])
        return sums

    def stop(self, say=lambda text: None):
        waits = [
            (self.sheetwire, "sheetwire: it writes what is pending, for up to 20 s"),
            (self.emulator, "the emulator"),
        ]
        for process, what in waits:
            if process and process.poll() is None:
                say(f"waiting for {what}")
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        say(f"waiting for {self.flavor} to close its files")
        self.server.stop()
        say(f"removing {self.folder}")
        shutil.rmtree(self.folder, ignore_errors=True)


def tail(path, lines=40):
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def readable(line):
    """A line of sheetwire's log as somebody at a terminal wants it."""
    try:
        event = json.loads(line)
    except ValueError:
        return line.strip()
    time_of_day = event.pop("timestamp", "")[11:19]
    level, message = event.pop("level", ""), event.pop("message", "")
    event.pop("target", None)
    table = event.get("table", "")
    if message in ("in the sheet", "in the database"):
        tab = next((tab for name, (_, tab) in TABLES.items() if table == f"shop.{name}"), "?")
        way = f"{table} -> tab {tab}" if message == "in the sheet" else f"tab {tab} -> {table}"
        counts = [(event["written"], "changed"), (event["added"], "added"), (event["removed"], "removed")]
        done = ", ".join(f"{count} {'row' if count == 1 else 'rows'} {what}" for count, what in counts if count)
        return f"{time_of_day}  {way}: {done or 'the header'}"
    more = "  ".join(f"{name}={value}" for name, value in event.items())
    loud = f"{level}: " if level in ("WARN", "ERROR") else ""
    return f"{time_of_day}  {loud}{message}  {more}".rstrip()


def play(stage):
    """Prints where everything is and shows each change until Ctrl-C."""
    wait_for("the first copy", stage.idle)
    for book in BOOKS:
        # The empty tab that every new spreadsheet has only hides the others.
        stage.human(book, act="delete_tab", tab="Sheet1")
    _, client = stage.server.programs()
    print(f"""
  The sheet      {stage.url}/          (open it in a browser: type, paste, sort, insert, delete)
  The database   {' '.join(client)} --no-defaults --socket={stage.folder}/server.sock -uroot shop

  Both ways      the tabs Orders and Customers; the tab Stock only shows.
  Try            type a status or a total into the tab Orders, and read it in the database
                 UPDATE orders SET status='paid' WHERE id=1;      and see it in the browser
                 a new row below the customers: only a name; its id comes from the database
                 a status that does not exist, a date that is none: see what becomes of it
                 sort the tab Orders by 'total', then change a row in the database
                 the menu 'sheetwire' of the tab: Is this up to date?, Explain this cell, Revert this cell
                 kill -9 {stage.sheetwire.pid} and watch it come back
  A conflict     S="target/debug/sheetwire"; C="--config {stage.config}"
                 $S pause shop.customers $C; change one name in the browser and in the database; $S resume shop.customers $C
                 $S conflicts list --all $C
  Ask            $S status $C      $S history shop.orders 1 $C      $S verify $C

  Ctrl-C ends everything and cleans up.
""")
    with open(stage.log, errors="replace") as log:
        pause = threading.Event()
        begun = ""
        while True:
            begun += log.readline()
            if begun.endswith("\n"):
                print("  " + readable(begun), flush=True)
                begun = ""
            elif stage.sheetwire.poll() is not None:
                code = stage.sheetwire.returncode
                stage.run()
                how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
                print(f"  sheetwire {how}; started again as process {stage.sheetwire.pid}", flush=True)
            else:
                pause.wait(0.2)


def must(holds, otherwise):
    """A claim of the smoke about itself: what it plays must really have happened."""
    if not holds:
        raise SystemExit(f"the smoke was too easy: {otherwise}")


def sort_between_read_and_write(stage):
    """A batch hangs at Google while the rows that it means are sorted away under it."""
    moved = stage.said("rows had moved")
    stage.fault(fault="stall_before", times=1, filter="batch_update", spreadsheet="demo-shop")
    stage.server.sql("USE shop; UPDATE orders SET note=CONCAT('after sort ',id) WHERE id<40;")
    wait_for("a batch to be on its way", stage.held)
    stage.human("demo-shop", act="sort", tab="Orders", first_row=2, column="D", descending=True)
    stage.release()
    wait_for("the moved rows to be noticed", lambda: stage.said("rows had moved") > moved)


def kill_in_a_large_transaction(stage, say):
    """kill -9 while a part of 50,000 rows is in the sheet and a part is not."""
    maximum = "SET SESSION max_recursive_iterations=100000;" if stage.flavor == "mariadb" else "SET SESSION cte_max_recursion_depth=100000;"
    stage.server.sql(f"USE shop; {maximum} INSERT INTO stock SELECT CONCAT('BULK-',n),CONCAT('bulk item ',n),n,n/100,n*1000003 FROM"
                     " (WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM s WHERE n<50000) SELECT n FROM s) AS numbers;")
    wait_for("the large transaction to begin to arrive", stage.bulk_rows, 120)
    stage.sheetwire.send_signal(signal.SIGKILL)
    stage.sheetwire.wait()
    there, wanted = stage.bulk_rows(), stage.rows_of("stock", "sku LIKE 'BULK-%'")
    must(wanted == 50000 and 0 < there < wanted, f"{there} of {wanted} rows stood in the tab when sheetwire was killed")
    say(f"killed in the middle of a {wanted:,}-row transaction: {there:,} rows stand in the tab")


def both_ways(stage, say):
    """A person types, adds a row, and meets an application in the same cell."""
    type_in = lambda cell, text: stage.human("demo-shop", act="type", tab="Customers", cell=cell, text=text)
    type_in("B2", "Ada Lovelace")
    wait_for("the typed name to be in the database", lambda: stage.rows_of("customers", "id=1 AND name='Ada Lovelace'"))
    type_in("B5", "Barbara")
    wait_for("the new row to be in the database", lambda: stage.rows_of("customers", "name='Barbara' AND id=4"))
    stage.in_step()
    say("equal after a person changed a name and added a row, which got its key")
    must(stage.ask("pause", "shop.customers").returncode == 0, "the table was not paused")
    type_in("B3", "Grace (sheet)")
    stage.server.sql("UPDATE shop.customers SET name='Grace (database)' WHERE id=2;")
    must(stage.ask("resume", "shop.customers").returncode == 0, "the table was not resumed")
    stage.in_step()
    listed = json.loads(stage.ask("conflicts", "list", "--all", "--json").stdout)["conflicts"]
    both = [entry for entry in listed if entry["kind"] == "edit/edit"]
    must(len(both) == 1, f"one conflict was to be recorded, not {listed}")
    say("equal after both sides changed one cell, and the loser is in the conflict log")


def smoke(flavor, rate):
    """Plays a script: what an application and a person do in a busy minute, with a crash and a lost answer."""
    stage = Stage(flavor, rate)
    say = lambda text: print(f"{flavor}: {text}", flush=True)
    try:
        stage.start()
        stage.in_step()
        say("first copy is equal")
        both_ways(stage, say)
        stage.server.sql("USE shop; INSERT INTO orders (customer_id,status,total,note) SELECT 1+MOD(n,3),'new',n+0.25,CONCAT('order ',n) FROM"
                         " (WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM s WHERE n<300) SELECT n FROM s) AS numbers;")
        stage.server.sql("USE shop; UPDATE orders SET status='paid', total=total+1 WHERE MOD(id,7)=0; DELETE FROM orders WHERE MOD(id,11)=0;"
                         " UPDATE stock SET sku='A-2' WHERE sku='A-1'; UPDATE customers SET email='' WHERE id=2; DELETE FROM customers WHERE id=3;")
        stage.in_step()
        say("inserts, updates, deletes and a primary-key update are equal")
        sort_between_read_and_write(stage)
        stage.in_step()
        say("equal after a person sorted the tab between a read and the write that believed it")
        stage.fault(fault="answer_lost", times=1, filter="batch_update")
        stage.server.sql("USE shop; UPDATE orders SET total=total+5 WHERE MOD(id,3)=0;")
        stage.in_step()
        must(stage.struck("answer_lost") == 1, "the lost answer did not strike")
        wait_for("sheetwire to notice the lost answer", lambda: stage.said("answer lost; finding out"))
        wait_for("sheetwire to find out", lambda: stage.said("found out what became of the batch"))
        say("equal after an answer was lost")
        kill_in_a_large_transaction(stage, say)
        stage.human("demo-shop", act="sort", tab="Orders", first_row=2, column="A", descending=bool(random.getrandbits(1)))
        stage.server.sql("USE shop; UPDATE orders SET status='done' WHERE MOD(id,5)=0; DELETE FROM stock WHERE quantity BETWEEN 100 AND 150;")
        stage.run()
        sums = stage.in_step(300)
        verified = stage.ask("verify")
        if verified.returncode:
            raise SystemExit(f"sheetwire verify says otherwise ({verified.returncode}):\n{verified.stdout}{verified.stderr}")
        say(f"equal after the restart, and `sheetwire verify` agrees: {verified.stdout.strip().splitlines()[-1]}")
        return sums
    finally:
        stage.stop()


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--smoke", action="store_true", help="play a script by itself")
    parser.add_argument("--flavor", choices=["mysql", "mariadb"], help="default: mysql; the smoke plays both")
    parser.add_argument("--port", type=int, default=0, help="port of the web grid; default: a free one")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.smoke:
        sums = [0, 0]
        for flavor in [options.flavor] if options.flavor else ["mysql", "mariadb"]:
            sums = [sum(pair) for pair in zip(sums, smoke(flavor, 10))]
        print(f"in step: {sums[0]} rows, {sums[1]} cells")
        return
    stage = Stage(options.flavor or "mysql", 1, options.port)
    try:
        print("starting ...", flush=True)
        stage.start()
        play(stage)
    except KeyboardInterrupt:
        print("\ncleaning up ...", flush=True)
    finally:
        stage.stop(lambda text: print(f"  {text}", flush=True))


if __name__ == "__main__":
    main()
