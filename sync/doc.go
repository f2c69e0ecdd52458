// Package sync keeps the replica of each tenant in step with its care record system.
//
// # Words
//
//   - A schedule has slots. For each slot of a tenant one worker inserts a run into the table runs,
//     with a job for it; an operator's resync and the command "sync" insert runs too. (schedule.go,
//     command.go, jobs.go)
//   - A run is worked on in slices. A slice claims the run, works for about half a minute, and
//     gives way to other tenants. The claim has a lease, which a timer and every batch renew, and a
//     fence, which shuts out a worker that lost its lease. (slice.go, lease.go, slice_end.go)
//   - A window is a closed interval of source time of one type, read until it is drained.
//     (window.go)
//   - A cursor is the source time up to which a type is known to be read.
//   - A backfill is one client's whole history, owed since the client became known. (backfill.go)
//   - A census lists all items of the source, without their content. An item that the census lacks
//     is a suspect; a direct read confirms that it is gone. (census.go, absence.go)
//   - An epoch is the time between two restores of the source. When a direct read finds an older
//     version than the replica holds, the source was restored: a new epoch begins, everything is
//     read again, and the versions of the new epoch replace those of the old. (epoch.go)
//
// # The order of a run
//
// The outcome of a run is that of its last slice (outcome.go). Each slice does, from where the
// slice before it ended:
//
//  1. prepare: asks the source what it can do and, in the first slice, plans the interval of each
//     type. A worker with other rules than the run began with ends the run and requests another.
//     (plan.go)
//  2. unshare: removes the items of types that the configuration no longer shares. (unshare.go)
//  3. readTypes: reads the windows of each type, or client after client if the source can only be
//     searched by client. (read_type.go, window.go, pass.go, byclient.go)
//  4. retryQuarantined: reads by their ids the items that could not be applied. (quarantine.go)
//  5. deletions: asks which records the source has deleted, and removes them. (deletions.go)
//  6. reconcile, if due: census and comparison. A run of the whole tenant first asks how many records
//     the source has of each type; a count that contradicts the replica makes the reconcile of the
//     type due. (reconcile.go, reconcile_due.go, counts.go)
//  7. readAgain: reads by their ids the items that are due for it: a comparison found them
//     different, their text is missing or may have changed, or the source did not say when they
//     changed. (reread.go)
//  8. settle: confirms absences, and removes or holds the items. (settle.go)
//  9. learnCounts: takes over what the census has shown about the source's counts. (counts.go)
//  10. backfill.
//  11. refresh: renders again what names something that changed. (slice.go, apply.go)
//  12. countNotPulled: counts what the source has and no search asks for. (notpulled.go)
//
// A run of a part leaves steps out; see [slice.steps]. [Syncer.Verify] compares a replica with its
// source outside any run and changes nothing. (verify.go)
//
// # Where to find
//
//   - The lease is renewed by [slice.keepLease] on a timer, and in each transaction that the store
//     makes for the run.
//   - Whether a window is drained is decided by window.drained, at the end of a pass over its
//     pages; window.cut and window.endAt decide whether a window that has grown large may end
//     early.
//   - A type's cursor moves in one place: [slice.apply] passes store.Drained with a window's last
//     items, and [store.Store.Apply] moves the cursor in the transaction that stores them. A census
//     moves by [slice.list] in the same way. Of a source that is searched client by client, each
//     client has a cursor too, which [store.Store.MarkClientRead] moves. A new epoch puts all of
//     them back to the beginning.
//   - A mark that appears later reaches the replica in one of these ways. With a new version of the item,
//     the mark comes with the next window, and Apply empties what was stored. A mark without a new
//     version is found by the comparison of a reconcile, or by the daily backfill of a seventh of
//     the clients. After a change of rules, which changes a type's fingerprint, the type is read
//     from the beginning. A mark on something else, such as the client or a Provenance, comes with
//     the window of that type, and what it concerns is rendered or read again. An item whose marks
//     cannot be read is withheld and quarantined.
//
// # Guarantees
//
// A cursor moves only in the transaction that applies the last batch of a drained window, and every
// batch is harmless to repeat. So the replica holds everything up to each cursor at any moment, and
// a run that was killed anywhere is claimed again when its lease has expired, and continues after
// the last drained window. No transaction is open while the source is asked.
//
// An item is removed only if the source states that, the configuration states that, or a complete
// census lacks the item and a direct read confirms that it is gone. Removals of the last kind are
// held for an operator if there are too many.
//
// A failure is sorted once. Package fhir gives it a kind (trouble.go there), and failure.go its
// scope: it concerns the whole source and pauses the run, or one type, client or record, and the
// run goes on with the others.
//
// # What this package does not do
//
// It knows no FHIR: package source defines what it needs of a care record system, and package fhir
// provides that. It serves no requests: what operators request are rows in the table runs. It writes no SQL.
package sync
