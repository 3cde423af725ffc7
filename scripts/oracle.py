#!/usr/bin/env python3
"""Reads a table through the server's own command-line client and a tab through plain HTTP, and compares them cell by cell.

Shares no code with sheetwire: what a value must look like is written down here a second time, from docs/VALUES.md.
The password comes from the variable ORACLE_PASSWORD. Exit 0 and `equal: N rows, M cells`, or exit 1 and the differences.
"""

import argparse
import datetime
import json
import os
import re
import struct
import subprocess
import sys
import urllib.parse
import urllib.request

BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
INTEGERS = {"tinyint", "smallint", "mediumint", "int"}
EPOCH = datetime.date(1899, 12, 30)


def arguments():
    parser = argparse.ArgumentParser()
    for name in ["client", "host", "port", "user", "table", "emulator", "spreadsheet", "tab"]:
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--header-row", type=int, default=1)
    parser.add_argument("--empty-text", default='""')
    parser.add_argument("--where", default="TRUE", help="only these rows belong into the tab")
    return parser.parse_args()


class Database:
    def __init__(self, options):
        self.words = [*options.client.split(), "--no-defaults", f"--host={options.host}", f"--port={options.port}", f"--user={options.user}"]
        self.words += ["--protocol=TCP", "--batch", "--skip-column-names", "--default-character-set=utf8mb4", "--max-allowed-packet=1073741824"]
        if "mariadb" in options.client:
            self.words.append("--skip-ssl")
        self.env = {**os.environ, "MYSQL_PWD": os.environ.get("ORACLE_PASSWORD", "")}

    def rows(self, sql):
        """Every value comes as N, or as V and the hex digits of its UTF-8 text: nothing to escape, nothing to mistake."""
        script = "SET time_zone='+00:00'; SET NAMES utf8mb4; " + sql + ";"
        done = subprocess.run(self.words, input=script.encode(), capture_output=True, env=self.env)
        if done.returncode:
            sys.exit(f"oracle: the client failed: {done.stderr.decode(errors='replace').strip()}")
        for line in done.stdout.decode().splitlines():
            yield [None if cell == "N" else bytes.fromhex(cell[1:]) for cell in line.split("\t")]


def encoded(expression):
    return f"IF({expression} IS NULL,'N',CONCAT('V',HEX({expression})))"


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def expression(column):
    name, kind = quoted(column["name"]), column["type"]
    if kind in BINARY:
        return name
    if kind in ("float", "bit", "year"):
        number = f"({name}+0)" if kind != "float" else f"({name}+0e0)"
        return f"CONVERT(CAST({number} AS CHAR) USING utf8mb4)"
    return f"CONVERT(CAST({name} AS CHAR) USING utf8mb4)"


def describe(database, schema, table):
    text = lambda column: encoded(f"CONVERT({column} USING utf8mb4)")
    fields = ["column_name", "data_type", "CAST(COALESCE(numeric_precision,0) AS CHAR)", "CAST(COALESCE(datetime_precision,0) AS CHAR)"]
    where = f"table_schema={schema!r} AND table_name={table!r}"
    found = database.rows(f"SELECT {','.join(map(text, fields))} FROM information_schema.columns WHERE {where} ORDER BY ordinal_position")
    columns = {}
    for name, kind, digits, fraction in ([cell.decode() for cell in row] for row in found):
        columns[name] = {"name": name, "type": kind.lower(), "digits": int(digits), "fraction": int(fraction)}
    primary = f"SELECT {text('column_name')} FROM information_schema.key_column_usage WHERE {where} AND constraint_name='PRIMARY' ORDER BY ordinal_position"
    return columns, [row[0].decode() for row in database.rows(primary)]


def serial_day(text):
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text)
    try:
        return (datetime.date(*map(int, match.groups())) - EPOCH).days
    except (ValueError, AttributeError):
        return None


def seconds(text):
    sign = -1 if text.startswith("-") else 1
    hours, minutes, rest = text.lstrip("-").split(":")
    return sign * (int(hours) * 3600 + int(minutes) * 60 + int(rest))


def expected(column, raw, empty_text):
    """What the cell must hold: ("", None), ("n", number), ("f", bytes of a FLOAT) or ("s", text)."""
    if raw is None:
        return ("", None)
    kind = column["type"]
    if kind in BINARY:
        return ("s", "0x" + raw.hex().upper())
    text = raw.decode()
    if kind in INTEGERS or kind in ("double", "year") or (kind == "decimal" and column["digits"] <= 15):
        return ("n", float(text))
    if kind == "float":
        return ("f", struct.pack("f", float(text)))
    if kind == "bit":
        return ("n", float(text)) if column["digits"] <= 50 else ("s", text)
    if column["fraction"] == 0 and kind in ("date", "datetime", "timestamp"):
        day = serial_day(text[:10])
        if day is None:
            return ("s", text)
        return ("n", day + (seconds(text[11:]) / 86400 if kind != "date" else 0.0))
    if kind == "time" and column["fraction"] == 0:
        return ("n", seconds(text) / 86400)
    if kind in ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"):
        if text == "":
            return ("s", empty_text)
        if text.lstrip("\\") == empty_text:
            return ("s", "\\" + text)
    return ("s", text)


def shown(cell):
    """A cell of the emulator's grid in the same form."""
    kind = cell.get("t", "")
    if "f" in cell:
        return ("formula", cell["f"])
    return {"": ("", None), "n": ("n", float(cell["v"]) if kind == "n" else None)}.get(kind, (kind, cell.get("v")))


def same(want, have):
    if want[0] == "f":
        return have[0] == "n" and struct.pack("f", have[1]) == want[1]
    return want == have


def tab_rows(options):
    """Header and rows of the tab, by pages."""
    header, rows, page, start = None, [], 20000, options.header_row - 1
    while True:
        query = urllib.parse.urlencode({"tab": options.tab, "from": start, "rows": page})
        url = f"{options.emulator.rstrip('/')}/emulator/spreadsheets/{urllib.parse.quote(options.spreadsheet)}/grid?{query}"
        with urllib.request.urlopen(url, timeout=120) as answer:
            grid = json.load(answer)
        part = grid["rows"]
        if header is None:
            header = part[0] if part else []
            part = part[1:]
        rows += part
        start += page
        if start >= grid["rowCount"]:
            return header, rows


def main():
    options = arguments()
    database = Database(options)
    schema, table = options.table.split(".", 1)
    columns, key = describe(database, schema, table)
    if not columns:
        sys.exit(f"oracle: no table {options.table}")
    try:
        header, grid = tab_rows(options)
    except OSError as error:
        detail = error.read().decode() if hasattr(error, "read") else ""
        sys.exit(f"oracle: no tab {options.tab!r}: {error} {detail}")
    places = {cell.get("v"): place for place, cell in enumerate(header) if cell.get("v") in columns}
    missing = [name for name in key if name not in places]
    if missing or not key:
        sys.exit(f"oracle: the tab lacks key columns {missing or 'of any kind'}; header: {[cell.get('v') for cell in header]}")
    mapped = [columns[name] for name in places]
    problems, sheet = [], {}
    for number, row in enumerate(grid, options.header_row + 1):
        cells = {name: shown(row[place]) if place < len(row) else ("", None) for name, place in places.items()}
        if all(cells[name][0] == "" for name in key):
            continue
        identity = tuple(str(cells[name]) for name in key)
        if identity in sheet:
            problems.append(f"row {number}: key {identity} stands twice")
        sheet[identity] = cells
    selected = ",".join(encoded(expression(column)) for column in mapped)
    rows = 0
    for raw in database.rows(f"SELECT {selected} FROM {quoted(schema)}.{quoted(table)} WHERE {options.where}"):
        rows += 1
        want = {column["name"]: expected(column, cell, options.empty_text) for column, cell in zip(mapped, raw)}
        identity = tuple(str(want[name]) for name in key)
        have = sheet.pop(identity, None)
        if have is None:
            problems.append(f"key {identity}: missing in the tab")
            continue
        for name in want:
            if not same(want[name], have[name]):
                problems.append(f"key {identity}, column {name}: database {want[name]}, tab {have[name]}")
    problems += [f"key {identity}: only in the tab" for identity in sheet]
    if problems:
        print("\n".join(problems[:20]))
        print(f"different: {len(problems)} differences in {rows} rows")
        sys.exit(1)
    print(f"equal: {rows} rows, {rows * len(mapped)} cells")


main()
