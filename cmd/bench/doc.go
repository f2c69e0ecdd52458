// Command bench measures what dossiersync promises to be quick at, each promise as a
// ratio of two things done in the same run, on the same PostgreSQL (with fsync).
// Repetitions alternate and the best counts; noise is how far they are apart.
//
// The care record system is another process, which sends prebuilt pages from files:
// it costs next to nothing, so that what is measured is ours. The worker is another
// process too: the program's own packages, put together as cmd/dossiersync does.
//
//	B1  a first load, against one COPY for each table of the very same finished
//	    rows into the same empty tables, in one transaction: the stricter choice,
//	    as a load must commit batch by batch
//	B2  a run with nothing new, where much is stored against where little is
//	B4  a reconcile, against fetching and decoding the same pages
//	B5  peak resident memory of `dossiersync sync` itself, from /proc
//	B6  the first page of a time line, from the program itself, against a handler
//	    that runs the same one SELECT without token, rights, row-level security or log
//	B7  the same where nothing has changed since the answer that the portal has
//
// Phases overlap: source and decode run beside apply, whose parts are read, render,
// copy, notes and commit. There is no staging table. Rendering goes on while
// PostgreSQL copies and counts there; render is what is left between statements.
//
// To add a row, write a file with a function that returns it, and name that in rows.
package main
