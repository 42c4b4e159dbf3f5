"""What came out of a sweep: the ledger, the records in it, tables, statistics, plots and reports."""
