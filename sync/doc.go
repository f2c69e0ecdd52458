// Package sync keeps the replica of each tenant in step with its care record
// system.
//
// # How it works
//
// A schedule fires in every worker; whichever comes first inserts a row into
// runs, and a job for it. A run is done in slices: whoever takes one claims the
// run (package store), reads windows of source time type by type, applies what
// they bring in batches, and gives way to other tenants at the first window's
// end after half a minute. Killed anywhere, the run is claimed again when its
// lease has passed, and continues at the last drained window.
//
// # What it guarantees
//
// A cursor moves only in the transaction that applies the last batch of a window
// that has been read to its end; all batches are harmless to repeat. So at any
// moment the replica holds everything up to each cursor, and perhaps more.
// Nothing is removed because it was merely not seen.
//
// # What it does not do
//
// It knows no FHIR: package source says what it needs, package fhir provides it.
// It does not serve anybody: what operators ask of it comes as rows in runs.
package sync
