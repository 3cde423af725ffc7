//! A subset of the Google Sheets API v4, for tests and the demo.
