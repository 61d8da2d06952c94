"""From files to rows: watching, reading, finding and embedding faces."""
