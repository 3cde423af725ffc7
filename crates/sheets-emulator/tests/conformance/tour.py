"""Visits every route and every modelled kind of request, and checks each answer against Google's description.

Arguments: the emulator's address and a service-account file whose tokens it gives out.
"""

import sys
from urllib.parse import quote

from caller import Caller

ALL = "userEnteredValue"


class Tour(Caller):
    """The stations, in order; each stands on what the ones before it left."""

    def create(self):
        made = self.call(
            "spreadsheets.create",
            "",
            {
                "properties": {"title": "Tour"},
                "sheets": [
                    {
                        "properties": {
                            "title": "Data",
                            "sheetId": 10,
                            "gridProperties": {"rowCount": 40, "columnCount": 8, "frozenRowCount": 1},
                        }
                    },
                    {"properties": {"title": "It's", "sheetId": 11}},
                ],
            },
        )
        self.id = made["spreadsheetId"]
        assert [sheet["properties"]["title"] for sheet in made["sheets"]] == ["Data", "It's"], made

    def write_values(self):
        base = f"/{self.id}/values"
        update = "spreadsheets.values.update"
        done = self.call(
            update,
            f"{base}/Data!A1:D3",
            {
                "values": [
                    ["id", "name", "price", "due"],
                    [1, "Ada", "2.50", "2020-01-01"],
                    [2, "Bob", "=C2*2", True],
                ]
            },
            valueInputOption="USER_ENTERED",
            includeValuesInResponse="true",
            responseValueRenderOption="UNFORMATTED_VALUE",
        )
        assert done["updatedCells"] == 12 and done["updatedData"]["values"][2][2] == 5, done
        self.call(
            update,
            f"{base}/Data!A4",
            {"majorDimension": "COLUMNS", "range": "Data!A4", "values": [[3], ["=1+1"], ["007"]]},
            valueInputOption="RAW",
        )
        assert self.values("Data!A4:C4") == [["3", "=1+1", "007"]]
        assert self.values("Data!A2:D3", valueRenderOption="FORMULA")[1][2] == "=C2*2"
        assert self.values(
            "Data!D2", valueRenderOption="UNFORMATTED_VALUE", dateTimeRenderOption="SERIAL_NUMBER"
        ) == [[43831]]
        assert self.values(
            "Data!D2", valueRenderOption="UNFORMATTED_VALUE", dateTimeRenderOption="FORMATTED_STRING"
        ) == [["2020-01-01"]]
        assert self.values("Data!A1:B2", majorDimension="COLUMNS") == [["id", "1"], ["name", "Ada"]]
        added = self.call(
            "spreadsheets.values.append",
            f"{base}/Data!A1:append",
            {"values": [[4, "Dan"], [5, "Eve"]]},
            valueInputOption="RAW",
            insertDataOption="INSERT_ROWS",
            includeValuesInResponse="true",
            responseDateTimeRenderOption="FORMATTED_STRING",
        )
        assert added["updates"]["updatedRange"] == "Data!A5:B6" and added["tableRange"] == "Data!A1:D4", added
        empty = self.call(
            "spreadsheets.values.append",
            f"{base}/{quote(chr(39) + 'It' + chr(39) * 2 + 's' + chr(39))}:append",
            {"values": [["first"]]},
            valueInputOption="RAW",
        )
        assert "tableRange" not in empty, empty
        many = self.call(
            "spreadsheets.values.batchUpdate",
            f"{base}:batchUpdate",
            {
                "valueInputOption": "RAW",
                "includeValuesInResponse": True,
                "data": [
                    {"range": "Data!F1:F2", "values": [["x"], ["y"]]},
                    {"range": "'It''s'!B2", "values": [[None]]},
                ],
            },
        )
        assert many["totalUpdatedSheets"] >= 1 and len(many["responses"]) == 2, many
        both = self.call(
            "spreadsheets.values.batchGet",
            f"{base}:batchGet",
            ranges=["Data!A1:B2", "Data!H9:H9"],
            valueRenderOption="UNFORMATTED_VALUE",
        )
        assert (
            both["valueRanges"][0]["values"] == [["id", "name"], [1, "Ada"]]
            and "values" not in both["valueRanges"][1]
        ), both
        cleared = self.call("spreadsheets.values.clear", f"{base}/Data!F1:F1:clear", {})
        assert cleared["clearedRange"] == "Data!F1", cleared
        gone = self.call(
            "spreadsheets.values.batchClear", f"{base}:batchClear", {"ranges": ["Data!F2", "Data!G:G"]}
        )
        assert len(gone["clearedRanges"]) == 2 and self.values("Data!F1:F2") is None, gone

    def write_cells(self):
        area = {
            "sheetId": 10,
            "startRowIndex": 1,
            "endRowIndex": 3,
            "startColumnIndex": 4,
            "endColumnIndex": 6,
        }
        typed = [{"numberValue": 1.5}, {"stringValue": "=text"}], [
            {"boolValue": True},
            {"formulaValue": "=E2+1"},
        ]
        rows = [{"values": [{ALL: value} for value in row]} for row in typed]
        answer = self.batch(
            {"updateCells": {"range": area, "rows": rows, "fields": ALL}},
            {
                "updateCells": {
                    "start": {"sheetId": 10, "rowIndex": 6, "columnIndex": 0},
                    "rows": [{"values": [{ALL: {"stringValue": "noted"}, "note": "see"}]}],
                    "fields": f"{ALL},note",
                }
            },
            {
                "appendCells": {
                    "sheetId": 10,
                    "rows": [{"values": [{ALL: {"numberValue": 9}}]}],
                    "fields": ALL,
                }
            },
            {
                "repeatCell": {
                    "range": area,
                    "cell": {
                        "userEnteredFormat": {
                            "numberFormat": {"type": "NUMBER", "pattern": "0.00"},
                            "textFormat": {"bold": True},
                            "backgroundColor": {"red": 1},
                        }
                    },
                    "fields": "userEnteredFormat(numberFormat,textFormat.bold,backgroundColor)",
                }
            },
            {
                "setDataValidation": {
                    "range": area,
                    "rule": {
                        "condition": {
                            "type": "ONE_OF_LIST",
                            "values": [{"userEnteredValue": "a"}, {"userEnteredValue": "b"}],
                        },
                        "strict": False,
                        "showCustomUi": True,
                    },
                }
            },
            includeSpreadsheetInResponse=True,
            responseRanges=["Data!A1:F8"],
            responseIncludeGridData=True,
        )
        data = answer["updatedSpreadsheet"]["sheets"][0]["data"][0]
        cells = data["rowData"][1]["values"]
        assert (
            cells[4]["effectiveValue"] == {"numberValue": 1.5} and cells[4]["formattedValue"] == "1.50"
        ), cells
        assert data["rowData"][2]["values"][5]["effectiveValue"] == {"numberValue": 2.5}, data
        masked = self.call(
            "spreadsheets.batchUpdate",
            f"/{self.id}:batchUpdate",
            {
                "requests": [{"updateCells": {"range": area, "fields": "note"}}],
                "includeSpreadsheetInResponse": True,
                "responseRanges": ["'Data'!A1:A"],
            },
            fields=f"replies,updatedSpreadsheet.sheets(properties(sheetId,title),data(startRow,rowData.values({ALL})))",
        )
        assert "spreadsheetId" not in masked and masked["updatedSpreadsheet"]["sheets"][0]["data"], masked

    def move_things(self):
        rows = lambda start, end: {"sheetId": 10, "dimension": "ROWS", "startIndex": start, "endIndex": end}
        block = lambda top, bottom, left, right: {
            "sheetId": 10,
            "startRowIndex": top,
            "endRowIndex": bottom,
            "startColumnIndex": left,
            "endColumnIndex": right,
        }
        self.batch(
            {"appendDimension": {"sheetId": 10, "dimension": "ROWS", "length": 5}},
            {"insertDimension": {"range": rows(1, 2), "inheritFromBefore": False}},
            {"moveDimension": {"source": rows(2, 3), "destinationIndex": 5}},
            {"deleteDimension": {"range": rows(1, 2)}},
            {"insertRange": {"range": block(30, 31, 0, 2), "shiftDimension": "ROWS"}},
            {"deleteRange": {"range": block(30, 31, 0, 2), "shiftDimension": "ROWS"}},
            {
                "updateDimensionProperties": {
                    "range": rows(0, 1),
                    "properties": {"pixelSize": 30},
                    "fields": "pixelSize",
                }
            },
            {
                "autoResizeDimensions": {
                    "dimensions": {"sheetId": 10, "dimension": "COLUMNS", "startIndex": 0, "endIndex": 2}
                }
            },
            {
                "sortRange": {
                    "range": block(1, 6, 0, 8),
                    "sortSpecs": [{"dimensionIndex": 0, "sortOrder": "DESCENDING"}],
                }
            },
            {
                "copyPaste": {
                    "source": block(0, 1, 0, 2),
                    "destination": block(20, 21, 0, 2),
                    "pasteType": "PASTE_VALUES",
                }
            },
            {
                "cutPaste": {
                    "source": block(20, 21, 0, 2),
                    "destination": {"sheetId": 10, "rowIndex": 22, "columnIndex": 0},
                    "pasteType": "PASTE_NORMAL",
                }
            },
            {"mergeCells": {"range": block(24, 25, 0, 3), "mergeType": "MERGE_ALL"}},
            {"unmergeCells": {"range": block(24, 25, 0, 3)}},
            {
                "setBasicFilter": {
                    "filter": {
                        "range": block(0, 10, 0, 4),
                        "sortSpecs": [{"dimensionIndex": 0, "sortOrder": "ASCENDING"}],
                        "filterSpecs": [
                            {
                                "columnIndex": 1,
                                "filterCriteria": {
                                    "hiddenValues": ["Bob"],
                                    "condition": {"type": "NOT_BLANK"},
                                },
                            }
                        ],
                    }
                }
            },
            {
                "updateDimensionProperties": {
                    "range": rows(7, 8),
                    "properties": {"hiddenByUser": True},
                    "fields": "hiddenByUser",
                }
            },
            {
                "repeatCell": {
                    "range": block(0, 1, 1, 2),
                    "cell": {"note": "who it is"},
                    "fields": "note",
                }
            },
        )
        read = self.read_all()["sheets"][0]
        looks = read["data"][0]["rowMetadata"]
        assert [row for row, look in enumerate(looks) if look.get("hiddenByFilter")], looks
        assert looks[7]["hiddenByUser"] and not looks[0].get("hiddenByFilter"), looks
        assert read["basicFilter"]["sortSpecs"][0]["sortOrder"] == "ASCENDING", read["basicFilter"]
        assert read["data"][0]["rowData"][0]["values"][1]["note"] == "who it is", read
        refused = self.call(
            "spreadsheets.batchUpdate",
            f"/{self.id}:batchUpdate",
            {
                "requests": [
                    {
                        "setBasicFilter": {
                            "filter": {
                                "range": block(0, 10, 0, 4),
                                "criteria": {"1": {"condition": {"type": "DATE_IS_VALID"}}},
                            }
                        }
                    }
                ]
            },
            status=400,
        )
        assert "DATE_IS_VALID" in refused["message"], refused
        self.batch({"clearBasicFilter": {"sheetId": 10}})
        seen = self.read_all()["sheets"][0]["data"][0]["rowMetadata"]
        assert not any(look.get("hiddenByFilter") for look in seen), seen
        assert self.values("Data!A23:B23") == [["id", "name"]]
        found = self.batch(
            {"findReplace": {"find": "Ada", "replacement": "Ada L.", "sheetId": 10, "matchEntireCell": True}}
        )
        assert found["replies"][0]["findReplace"]["occurrencesChanged"] == 1, found

    def name_and_protect(self):
        area = {
            "sheetId": 10,
            "startRowIndex": 0,
            "endRowIndex": 1,
            "startColumnIndex": 0,
            "endColumnIndex": 4,
        }
        made = self.batch(
            {"addNamedRange": {"namedRange": {"name": "header", "namedRangeId": "fence_1", "range": area}}},
            {
                "addProtectedRange": {
                    "protectedRange": {
                        "range": {**area, "sheetId": 11},
                        "description": "keep",
                        "warningOnly": True,
                    }
                }
            },
            {
                "addConditionalFormatRule": {
                    "index": 0,
                    "rule": {
                        "ranges": [area],
                        "booleanRule": {
                            "condition": {"type": "NOT_BLANK"},
                            "format": {"textFormat": {"bold": True}},
                        },
                    },
                }
            },
        )["replies"]
        assert made[0]["addNamedRange"]["namedRange"]["namedRangeId"] == "fence_1", made
        protected = made[1]["addProtectedRange"]["protectedRange"]["protectedRangeId"]
        self.read_all()
        self.batch(
            {
                "updateNamedRange": {
                    "namedRange": {"namedRangeId": "fence_1", "name": "head"},
                    "fields": "name",
                }
            },
            {
                "updateProtectedRange": {
                    "protectedRange": {"protectedRangeId": protected, "description": "kept"},
                    "fields": "description",
                }
            },
            {"deleteConditionalFormatRule": {"sheetId": 10, "index": 0}},
            {"deleteProtectedRange": {"protectedRangeId": protected}},
            {"deleteNamedRange": {"namedRangeId": "fence_1"}},
        )

    def metadata(self):
        sheet = {
            "locationType": "ROW",
            "dimensionRange": {"sheetId": 10, "dimension": "ROWS", "startIndex": 3, "endIndex": 4},
        }
        by_key = [{"developerMetadataLookup": {"metadataKey": "tour.row"}}]
        made = self.batch(
            {
                "createDeveloperMetadata": {
                    "developerMetadata": {
                        "metadataId": 77,
                        "metadataKey": "tour.position",
                        "metadataValue": "1-5",
                        "location": {"spreadsheet": True},
                        "visibility": "DOCUMENT",
                    }
                }
            },
            {
                "createDeveloperMetadata": {
                    "developerMetadata": {
                        "metadataKey": "tour.row",
                        "location": {k: v for k, v in sheet.items() if k != "locationType"},
                        "visibility": "PROJECT",
                    }
                }
            },
        )["replies"]
        assert made[0]["createDeveloperMetadata"]["developerMetadata"]["metadataId"] == 77, made
        read = self.call("spreadsheets.developerMetadata.get", f"/{self.id}/developerMetadata/77")
        assert read["metadataValue"] == "1-5", read
        self.batch(
            {
                "updateDeveloperMetadata": {
                    "dataFilters": [{"developerMetadataLookup": {"metadataId": 77}}],
                    "developerMetadata": {"metadataValue": "1-6"},
                    "fields": "metadataValue",
                }
            }
        )
        self.batch(
            {
                "insertDimension": {
                    "range": {"sheetId": 10, "dimension": "ROWS", "startIndex": 0, "endIndex": 2}
                }
            }
        )
        found = self.call(
            "spreadsheets.developerMetadata.search",
            f"/{self.id}/developerMetadata:search",
            {"dataFilters": by_key},
        )
        place = found["matchedDeveloperMetadata"][0]["developerMetadata"]["location"]["dimensionRange"]
        assert (place["startIndex"], place["endIndex"]) == (5, 6), place
        self.read_all()
        self.batch({"deleteDeveloperMetadata": {"dataFilter": by_key[0]}})
        gone = self.call(
            "spreadsheets.developerMetadata.search",
            f"/{self.id}/developerMetadata:search",
            {"dataFilters": by_key},
        )
        assert not gone.get("matchedDeveloperMetadata"), gone
        self.call("spreadsheets.developerMetadata.get", f"/{self.id}/developerMetadata/78", status=404)

    def tabs(self):
        made = self.batch(
            {
                "addSheet": {
                    "properties": {
                        "sheetId": 12,
                        "title": "New",
                        "gridProperties": {"rowCount": 3, "columnCount": 2},
                        "tabColor": {"green": 1},
                        "hidden": True,
                    }
                }
            },
            {
                "updateSheetProperties": {
                    "properties": {"sheetId": 12, "title": "Newer", "gridProperties": {"rowCount": 4}},
                    "fields": "title,gridProperties.rowCount",
                }
            },
            {
                "duplicateSheet": {
                    "sourceSheetId": 10,
                    "newSheetId": 13,
                    "newSheetName": "Copy",
                    "insertSheetIndex": 1,
                }
            },
            {"updateSpreadsheetProperties": {"properties": {"title": "Toured"}, "fields": "title"}},
            {"deleteSheet": {"sheetId": 12}},
        )["replies"]
        assert made[0]["addSheet"]["properties"]["sheetId"] == 12, made
        titles = [sheet["properties"]["title"] for sheet in self.read_all()["sheets"]]
        assert titles == ["Data", "Copy", "It's"], titles

    def read_all(self):
        """Everything at once, and the parts clients ask for."""
        get = "spreadsheets.get"
        whole = self.call(get, f"/{self.id}", includeGridData="true")
        plain = self.call(get, f"/{self.id}")
        assert "data" not in plain["sheets"][0], plain["sheets"][0].keys()
        part = self.call(
            get,
            f"/{self.id}",
            ranges=["Data!A1:B2"],
            includeGridData="true",
            fields="sheets.data.rowData.values.formattedValue,sheets/properties/title",
        )
        assert set(part) == {"sheets"} and len(part["sheets"]) == 1, part
        return whole

    def refusals(self):
        """Errors have Google's shape too, and a refused batch leaves nothing behind."""
        before = self.call("spreadsheets.get", f"/{self.id}", includeGridData="true")
        path = f"/{self.id}:batchUpdate"
        said = self.call(
            "spreadsheets.batchUpdate",
            path,
            {
                "requests": [
                    {"addSheet": {"properties": {"title": "Gone"}}},
                    {"deleteSheet": {"sheetId": 999999}},
                ]
            },
            status=400,
        )
        assert said["message"].startswith("Invalid requests[1].deleteSheet"), said
        self.call("spreadsheets.batchUpdate", path, {"requests": [{"addSheets": {}}]}, status=400)
        self.call("spreadsheets.values.get", f"/{self.id}/values/Nope!A1", status=400)
        self.call("spreadsheets.get", f"/{self.id}", fields="sheets.nothing", status=400)
        self.call("spreadsheets.get", "/unknown", status=404)
        for kind in sorted(self.discovery.request_kinds() - self.kinds):
            self.call("spreadsheets.batchUpdate", path, {"requests": [{kind: {}}]}, status=400)
        assert before == self.call("spreadsheets.get", f"/{self.id}", includeGridData="true")

    def run(self):
        for station in (
            self.create,
            self.write_values,
            self.write_cells,
            self.move_things,
            self.name_and_protect,
            self.metadata,
            self.tabs,
            self.refusals,
        ):
            station()
        unvisited = {
            name for name in self.discovery.methods if "DataFilter" not in name and "copyTo" not in name
        } - self.methods
        assert not unvisited, f"methods never called: {unvisited}"
        assert not self.faults, "\n".join(self.faults)
        print(
            f"{self.answers} answers, {len(self.methods)} methods, {len(self.kinds)} kinds of requests: all as described"
        )


if __name__ == "__main__":
    Tour(sys.argv[1], sys.argv[2]).run()
