"""The report: `writer` writes a pass's rows, `earlier` adds those of earlier runs, `publish` fills OUT/report.csv."""
