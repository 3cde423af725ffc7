#!/usr/bin/env python3
"""Reads a table through the server's own command-line client and a tab through plain HTTP, and compares them cell by cell.

Shares no code with sheetwire: what a value must look like is written down here a second time, from docs/VALUES.md.
Rows are found by the primary key, or counted as wholes where the table has none. The password comes from the variable
ORACLE_PASSWORD. The last line is `equal: N rows, M cells` and the exit code 0, or differences come first and the exit code is 1;
2 means that nothing could be compared, and says why.
"""

import argparse
import collections
import datetime
import json
import os
import re
import struct
import subprocess
import sys
import urllib.parse
import urllib.request
import zoneinfo

BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
INTEGERS = {"tinyint", "smallint", "mediumint", "int"}
TIMES = {"date", "datetime", "timestamp", "time"}
TEXTS = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
# A cell that holds a day or a time may differ by less than this part of a day (0.1 ms): the rounding of a division.
SERIAL_DIFFERENCE = 1e-9
EPOCH = datetime.date(1899, 12, 30)


def give_up(sentence):
    print(f"oracle: {sentence}", file=sys.stderr)
    sys.exit(2)


def arguments():
    parser = argparse.ArgumentParser()
    for name in ["client", "host", "port", "user", "table", "emulator", "spreadsheet", "tab"]:
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--header-row", type=int, default=1)
    parser.add_argument("--empty-text", default='""')
    parser.add_argument("--where", default="TRUE", help="only these rows belong into the tab")
    parser.add_argument("--columns", help="comma-separated; all of these must stand in the tab (default: every header that is a column)")
    parser.add_argument("--timezone", default="UTC", help="the zone in which TIMESTAMP is shown")
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
            give_up(f"the client failed: {done.stderr.decode(errors='replace').strip()}")
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
    number = {"float": f"{name}+0e0", "bit": f"CAST({name} AS UNSIGNED)", "bigint": f"{name}+0", "year": f"{name}+0"}.get(kind)
    if number:
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


def in_zone(text, zone):
    """A TIMESTAMP that the server gave in UTC, as it reads in the zone."""
    if zone == "UTC" or text.startswith("0000"):
        return text
    moment = datetime.datetime.fromisoformat(text + "+00:00").astimezone(zoneinfo.ZoneInfo(zone))
    digits = len(text.partition(".")[2])
    return moment.strftime("%Y-%m-%d %H:%M:%S") + (f".{moment.microsecond:06}"[: digits + 1] if digits else "")


def expected(column, raw, options):
    """What the cell must hold: ("", None), ("n", number), ("f", number of a FLOAT), ("d", serial number) or ("s", text)."""
    if raw is None:
        return ("", None)
    kind = column["type"]
    if kind in BINARY:
        return ("s", "0x" + raw.hex().upper())
    text = raw.decode()
    if kind == "timestamp":
        text = in_zone(text, options.timezone)
    if kind in INTEGERS or kind in ("double", "year") or (kind == "decimal" and column["digits"] <= 15):
        return ("n", float(text))
    if kind == "float":
        return ("f", float(text))
    if kind == "bit":
        return ("n", float(text)) if column["digits"] <= 50 else ("s", text)
    if column["fraction"] == 0 and kind in ("date", "datetime", "timestamp"):
        day = serial_day(text[:10])
        if day is None:
            return ("s", text)
        return ("d", day + (seconds(text[11:]) / 86400 if kind != "date" else 0.0))
    if kind == "time" and column["fraction"] == 0:
        return ("d", seconds(text) / 86400)
    if kind in TEXTS:
        if text == "":
            return ("s", options.empty_text) if options.empty_text else ("", None)
        if options.empty_text and text.lstrip("\\") == options.empty_text:
            return ("s", "\\" + text)
    return ("s", text)


def shown(cell):
    """A cell of the emulator's grid in the same form."""
    kind = cell.get("t", "")
    if "f" in cell:
        return ("formula", cell["f"])
    return {"": ("", None), "n": ("n", float(cell["v"]) if kind == "n" else None)}.get(kind, (kind, cell.get("v")))


def same(want, have):
    kind, value = want
    if kind == "f":
        # Both the shortest digits and all digits of a FLOAT are the same FLOAT.
        return have[0] == "n" and abs(have[1]) < 3.5e38 and struct.pack("f", have[1]) == struct.pack("f", value)
    if kind == "d":
        return have[0] == "n" and abs(have[1] - value) < SERIAL_DIFFERENCE
    return want == have


def identity(cells, kinds):
    """The same for what is expected and what is seen, if they are the same."""
    words = []
    for (tag, value), kind in zip(cells, kinds):
        if tag in ("n", "f", "d"):
            tag = "n"
            if kind == "float":
                value = struct.unpack("f", struct.pack("f", value))[0]
            elif kind in TIMES:
                value = round(value, 8)
        words.append((tag, value))
    return tuple(words)


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


def compared_columns(options, columns, key, header):
    """Name and place in the tab of every column to compare."""
    places = {cell.get("v"): place for place, cell in enumerate(header) if cell.get("v") in columns}
    titles = [cell.get("v") for cell in header]
    if options.columns:
        wanted = options.columns.split(",")
        unknown = [name for name in wanted if name not in columns]
        missing = [name for name in wanted if name not in places]
        if unknown:
            give_up(f"the table {options.table} has no columns {unknown}")
        if missing:
            print(f"columns {missing} do not stand in the header row of tab {options.tab!r}: {titles}")
            print(f"different: {len(missing)} columns are missing")
            sys.exit(1)
        places = {name: places[name] for name in wanted}
    if not places or any(name not in places for name in key):
        give_up(f"the header row of tab {options.tab!r} lacks the key {key} of {options.table}: {titles}")
    return places


def seen_rows(options, places, grid):
    """Number and cells of every row of the tab that holds something in a compared column."""
    for number, row in enumerate(grid, options.header_row + 1):
        cells = {name: shown(row[place]) if place < len(row) else ("", None) for name, place in places.items()}
        if any(kind != "" for kind, _ in cells.values()):
            yield number, cells


def wanted_rows(options, database, columns, places):
    """What every row of the table must look like."""
    selected = ",".join(encoded(expression(columns[name])) for name in places)
    schema, table = options.table.split(".", 1)
    for raw in database.rows(f"SELECT {selected} FROM {quoted(schema)}.{quoted(table)} WHERE {options.where}"):
        yield {name: expected(columns[name], cell, options) for name, cell in zip(places, raw)}


def compare_by_key(wanted, seen, key, columns):
    kinds = [columns[name]["type"] for name in key]
    problems, sheet, rows = [], {}, 0
    for number, cells in seen:
        row_key = identity((cells[name] for name in key), kinds)
        if row_key in sheet:
            problems.append(f"row {number}: key {row_key} stands twice")
        sheet[row_key] = (number, cells)
    for want in wanted:
        rows += 1
        row_key = identity((want[name] for name in key), kinds)
        number, have = sheet.pop(row_key, (0, None))
        if have is None:
            problems.append(f"key {row_key}: missing in the tab")
            continue
        for name in want:
            if not same(want[name], have[name]):
                problems.append(f"row {number}, key {row_key}, column {name}: database {want[name]}, tab {have[name]}")
    problems += [f"row {number}, key {row_key}: only in the tab" for row_key, (number, _) in sheet.items()]
    return rows, problems


def compare_whole(wanted, seen, kinds):
    """For tables without a key: every row as often here as there."""
    expected_rows = collections.Counter(identity(want.values(), kinds) for want in wanted)
    have = collections.Counter(identity(cells.values(), kinds) for _, cells in seen)
    problems = [f"row {row}: {expected_rows[row]} times in the database, {have[row]} times in the tab" for row in expected_rows | have if expected_rows[row] != have[row]]
    return sum(expected_rows.values()), problems


def main():
    options = arguments()
    if "." not in options.table:
        give_up(f"--table is schema.table, not {options.table}")
    database = Database(options)
    columns, key = describe(database, *options.table.split(".", 1))
    if not columns:
        give_up(f"there is no table {options.table}, or {options.user} may not read it")
    try:
        header, grid = tab_rows(options)
    except OSError as error:
        detail = error.read().decode() if hasattr(error, "read") else ""
        give_up(f"tab {options.tab!r} cannot be read: {error} {detail}")
    places = compared_columns(options, columns, key, header)
    wanted = wanted_rows(options, database, columns, places)
    seen = seen_rows(options, places, grid)
    if key:
        rows, problems = compare_by_key(wanted, seen, key, columns)
    else:
        rows, problems = compare_whole(wanted, seen, [columns[name]["type"] for name in places])
    if problems:
        print("\n".join(problems[:20]))
        print(f"different: {len(problems)} differences in {rows} rows")
        sys.exit(1)
    print(f"equal: {rows} rows, {rows * len(places)} cells")


if __name__ == "__main__":
    main()
