//! Keeps MySQL and MariaDB tables and Google Sheets in step.
