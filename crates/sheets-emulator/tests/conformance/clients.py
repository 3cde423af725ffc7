"""Two of Google's and the world's own clients, unchanged, against the emulator.

Arguments: the emulator's address and a service-account file whose tokens it gives out.
"""

import json
import sys
from urllib.parse import urlsplit, urlunsplit

import gspread
import requests.adapters
from google.api_core.client_options import ClientOptions
from google.oauth2 import service_account
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError


def redirect(address):
    """Sends what is meant for Google to the emulator; gspread itself is not touched."""
    target = urlsplit(address)
    original = requests.adapters.HTTPAdapter.send

    def send(self, request, **options):
        url = urlsplit(request.url)
        if url.hostname and url.hostname.endswith(".googleapis.com"):
            request.url = urlunsplit((target.scheme, target.netloc, url.path, url.query, ""))
        return original(self, request, **options)

    requests.adapters.HTTPAdapter.send = send


def with_google_client(address, account):
    credentials = service_account.Credentials.from_service_account_info(
        account, scopes=["https://www.googleapis.com/auth/spreadsheets"]
    )
    service = build(
        "sheets",
        "v4",
        static_discovery=True,
        client_options=ClientOptions(api_endpoint=address),
        credentials=credentials,
    )
    sheets = service.spreadsheets()
    made = sheets.create(body={"properties": {"title": "By Google's client"}}).execute()
    key = made["spreadsheetId"]
    assert made["properties"]["title"] == "By Google's client"
    values = sheets.values()
    done = values.update(
        spreadsheetId=key,
        range="Sheet1!A1:C2",
        valueInputOption="USER_ENTERED",
        body={"values": [["a", "b", "sum"], [1, 2, "=A2+B2"]]},
    ).execute()
    assert done["updatedCells"] == 6, done
    added = values.append(
        spreadsheetId=key, range="Sheet1", valueInputOption="RAW", body={"values": [[3, 4]]}
    ).execute()
    assert added["updates"]["updatedRange"] == "Sheet1!A3:B3", added
    read = values.get(spreadsheetId=key, range="Sheet1!A1:C", valueRenderOption="UNFORMATTED_VALUE").execute()
    assert read["values"] == [["a", "b", "sum"], [1, 2, 3], [3, 4]], read
    # Long enough for the client to send the query as the body of a POST.
    ranges = [f"Sheet1!A{row}:C{row}" for row in range(1, 200)]
    many = values.batchGet(spreadsheetId=key, ranges=ranges).execute()
    assert len(many["valueRanges"]) == 199 and many["valueRanges"][1]["values"] == [["1", "2", "3"]]
    body = {
        "requests": [
            {
                "sortRange": {
                    "range": {"sheetId": 0, "startRowIndex": 1, "endRowIndex": 3},
                    "sortSpecs": [{"dimensionIndex": 0, "sortOrder": "DESCENDING"}],
                }
            }
        ]
    }
    assert sheets.batchUpdate(spreadsheetId=key, body=body).execute()["replies"] == [{}]
    assert values.get(spreadsheetId=key, range="Sheet1!A2:A3").execute()["values"] == [["3"], ["1"]]
    try:
        sheets.get(spreadsheetId="nowhere").execute()
        raise AssertionError("an unknown spreadsheet was found")
    except HttpError as error:
        assert error.status_code == 404 and error.reason == "Requested entity was not found.", error


def with_gspread(account):
    client = gspread.service_account_from_dict(account)
    book = client.create("By gspread")
    sheet = book.sheet1
    assert (book.title, sheet.title, sheet.row_count, sheet.col_count) == ("By gspread", "Sheet1", 1000, 26)
    sheet.update([["id", "name", "score"], [1, "Ada", 9.5], [2, "Bob", 7]], "A1")
    sheet.append_row([3, "Cy", 8])
    sheet.append_rows([[4, "Di", 6], [5, "Ed", 10]])
    assert sheet.get_all_values() == [
        ["id", "name", "score"],
        ["1", "Ada", "9.5"],
        ["2", "Bob", "7"],
        ["3", "Cy", "8"],
        ["4", "Di", "6"],
        ["5", "Ed", "10"],
    ]
    assert sheet.get_all_records()[1] == {"id": 2, "name": "Bob", "score": 7}
    sheet.sort((3, "des"), range="A2:C6")
    assert sheet.col_values(2) == ["name", "Ed", "Ada", "Cy", "Bob", "Di"]
    sheet.format("A1:C1", {"textFormat": {"bold": True}})
    sheet.batch_update(
        [{"range": "D1:D2", "values": [["double"], ["=C2*2"]]}], value_input_option="USER_ENTERED"
    )
    assert (
        sheet.acell("D2").value == "20" and sheet.acell("D2", value_render_option="FORMULA").value == "=C2*2"
    )
    sheet.update_acell("B2", "O'Ed")
    assert sheet.find("O'Ed").address == "B2" and sheet.find("nobody") is None
    sheet.insert_row([0, "Zed", 1], 2)
    assert sheet.row_values(2) == ["0", "Zed", "1"]
    sheet.delete_rows(2)
    sheet.batch_clear(["D1:D2"])
    assert sheet.get("D1:D2") == [[]]
    sheet.freeze(rows=1)
    sheet.resize(rows=1010, cols=5)
    sheet.update_note("A1", "the key")
    assert sheet.get_note("A1") == "the key"
    other = book.add_worksheet("It's other", rows=5, cols=2)
    other.update_acell("A1", "here")
    other.update_title("50% other/one")
    assert [tab.title for tab in client.open_by_key(book.id).worksheets()] == ["Sheet1", "50% other/one"]
    assert book.worksheet("50% other/one").acell("A1").value == "here"
    got = book.values_batch_get(["Sheet1!A1:B2", "'50% other/one'!A1"])
    assert got["valueRanges"][1]["values"] == [["here"]], got
    copy = sheet.duplicate(new_sheet_name="Copy")
    assert copy.get_all_values() == sheet.get_all_values()
    copy.clear()
    assert copy.get_all_values() in ([], [[]])
    book.del_worksheet(copy)
    fresh = client.open_by_key(book.id).sheet1
    size = (fresh.row_count, fresh.col_count, fresh.frozen_row_count)
    assert size == (1010, 5, 1), size
    assert client.open("By gspread").id == book.id
    client.del_spreadsheet(book.id)
    try:
        client.open_by_key(book.id)
        raise AssertionError("a deleted spreadsheet was opened")
    except gspread.exceptions.SpreadsheetNotFound:
        pass


if __name__ == "__main__":
    with open(sys.argv[2], encoding="utf-8") as file:
        key = json.load(file)
    redirect(sys.argv[1])
    with_google_client(sys.argv[1], key)
    with_gspread(key)
    print("both clients found what they expected")
