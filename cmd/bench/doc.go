// Command bench measures the speed that dossiersync promises. Each promise is a ratio of
// two things done in the same run, on the same PostgreSQL (with fsync). Repetitions
// alternate and the best one counts; noise is the difference between them.
//
// The care record system is another process, which sends prebuilt pages from files. It
// costs next to nothing, so that the program itself is measured. The worker is another
// process too, joined by cmd/dossiersync/app.
//
//	B1  a first load, against one COPY for each table of the same finished rows into
//	    the same empty tables, in one transaction, although a load must commit batch
//	    by batch
//	B2  a run with nothing new in a large replica, against one in a small replica
//	B3  a run with one record in a hundred changed, in records a second, against B1
//	B4  a reconcile, against fetching and decoding the same pages
//	B5  peak resident memory of `dossiersync sync` itself, from /proc
//	B6  the first page of a time line, from the program itself, against a handler
//	    that runs the same one SELECT without token, rights, row-level security or log
//	B7  the same page unchanged since the portal's copy (If-None-Match), against B6
//	B8  the first page among ten million items (without --full: fewer), against
//	    among 80,000
//	B9  a slot of many tenants with nothing new, by one worker
//	B10 from the start of the program until it is ready, and its size
//
// Phases overlap: source and decode run beside apply, whose parts are read, render,
// copy, notes and commit. There is no staging table. Rendering during a COPY counts as
// copy; render is the time between statements.
//
// To add a row, write a file with a function that returns it, and name that in rows.
package main
