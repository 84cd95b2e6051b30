"""The age v1 encryption format: headers, recipients, and the chunked payload."""
