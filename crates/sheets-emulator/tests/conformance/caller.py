"""Calls the emulator's API and checks what goes out and what comes back against Google's description."""

from urllib.parse import quote

import google.auth.transport.requests
import requests
from google.oauth2 import service_account

from discovery import self_check

SCOPES = ["https://www.googleapis.com/auth/spreadsheets"]


class Caller:
    """A client with a token, and a list of everything that was not as described."""

    def __init__(self, address, account_file):
        self.discovery = self_check()
        self.address = address
        credentials = service_account.Credentials.from_service_account_file(account_file, scopes=SCOPES)
        credentials.refresh(google.auth.transport.requests.Request())
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {credentials.token}"
        self.faults = []
        self.answers = 0
        self.methods = set()
        self.kinds = set()
        self.id = None

    def call(self, method, path, body=None, status=200, **query):
        """Calls a method and checks what goes out and what comes back."""
        verb = self.discovery.methods[method]["httpMethod"]
        pairs = [
            (key, item)
            for key, value in query.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        answer = self.session.request(verb, f"{self.address}/v4/spreadsheets{path}", json=body, params=pairs)
        assert answer.status_code == status, f"{method} {path} {body}: {answer.status_code} {answer.text}"
        data = answer.json()
        self.answers += 1
        if status != 200:
            error = data["error"]
            assert error["code"] == status and error["message"] and error["status"], data
            return error
        self.methods.add(method)
        if body is not None and "request" in self.discovery.methods[method]:
            self.faults += self.discovery.faults_of_request(method, body)
        self.faults += self.discovery.faults_of_answer(method, data)
        return data

    def batch(self, *items, **options):
        """One batchUpdate; its replies must answer its requests one by one."""
        body = {"requests": list(items), **options}
        data = self.call("spreadsheets.batchUpdate", f"/{self.id}:batchUpdate", body)
        replies = data["replies"]
        assert len(replies) == len(items), data
        for item, reply in zip(items, replies):
            (kind,) = item
            self.kinds.add(kind)
            assert set(reply) <= {kind}, f"{kind} was answered by {reply}"
        return data

    def values(self, area, **query):
        return self.call("spreadsheets.values.get", f"/{self.id}/values/{quote(area, safe='')}", **query).get(
            "values"
        )
