// Package store is the replica in PostgreSQL: the dossiers in the form in which they are served, the
// runs that keep them equal to their sources, the grants that open them, and the log of every access.
// No other package writes SQL.
//
// Two handles lead to it. [Store] is the worker's and the operators': it logs in as a role that changes
// rows but owns nothing, or as the owner.
// [Portal] is the portal API's: it logs in as a role that can read no table, and calls functions of
// the database (migration answers) that check rights and are bound by row-level security themselves.
//
// # Which file serves what
//
// The prefix of a file's name is the part of the package that it belongs to:
//
//	apply        a batch of items becomes rows: decide on each item, render it, merge, count
//	render       the interface of the renderer, and the items that it may look up
//	rerender     items are rendered again because an item that they name has changed
//	reread       items that are read again by id
//	leftout      the places of items whose words reach no reader
//	item         the row of an item, which several writers share
//	change       the change number that a transaction gives to dossiers
//	quarantine   items that could not be applied: kept, retried, discarded; raw bytes encrypted
//	decision     what operators have decided, with the reason
//	attention    what waits for a person, and what operators have acknowledged
//	process      the processes of the service that are alive
//	run          a run: requested, claimed, given back, finished; its types, accounting and jobs
//	cursor       up to which source time a type is read; backfills of single clients; types that are
//	             searched client by client; epochs
//	reconcile    a complete list of the source (a census) compared with the items; the absences that
//	             follow, and the brake on removals
//	typecount    how many records of a type the source counts, beside how many it should have
//	hold         sets of absences that wait for an operator
//	verify       the replica compared with the source, item by item, without changing either
//	unshare      the items of types that the tenant no longer shares are removed
//	tenant       tenants, whether their source can be reached, and how fresh they are
//	portal       the calls of the portal API: its reads, and the grants
//	proof        the keys with which the portal API proves to the database for whom it asks
//	accesslog    the access log and its monthly partitions
//	erase        a client is erased for good, and again after a backup was restored
//	withhold     what operators keep from readers until they release it
//	why          what one dossier shows to one user, explained to an operator
//	migrate      the schema, River's tables and the portal's role
//	store        the connections
//	query, null  helpers for queries and for NULL
//
// schema.sql shows the tables as the migrations leave them. The words that other packages share with
// this one, such as Item, Ref, Stream and Part, are in package dossier.
//
// # State machines
//
// Three kinds of rows have a state, which docs/states.md draws:
//
//   - An item is shown, hidden or withdrawn; only a shown item has content. verdictOn decides in
//     apply_verdict.go. Quarantine is not a state of an item: it is a row beside the item, which keeps
//     its last good version only if the envelope of the bad version still allows it.
//   - A run is waiting, running or done. ClaimRun takes one slice of a run under a lease and raises the
//     run's fence; a worker that has lost its lease fails with [ErrFenced] and writes nothing. See
//     run_claim.go.
//   - An absence is suspect, confirmed or held. It begins when a reconcile finds a shown item in no
//     complete list of the source, and ends when the item is removed or found again. See
//     reconcile_absence.go.
//
// # Promises
//
// The numbers are those of docs/design.md.
//
//   - Batches may be repeated. A cursor moves in the transaction of the last batch of a window that was
//     read to its end, so the replica holds everything up to each cursor, and perhaps more (I3). The
//     cursors of windows that brought nothing move together, before the next batch.
//   - Within an epoch an older version never replaces a newer one. When a direct read finds an older
//     state, the source was restored: OpenEpoch begins a new epoch and everything is read again (I4).
//   - An item that cannot be applied is quarantined, retried by each run of the whole tenant, and makes
//     the run partial; the cursor passes it. Every item that a run has seen is counted once, with one
//     effect (I2).
//   - Items are removed because the source says so, or because their absence was confirmed; too many
//     absences at once are held for an operator (I5). Content that must not be shown is not stored (I6).
//   - The change number of a tenant rises under the lock of the tenant's row, as the last statement of
//     every transaction that changes what readers see: numbers become visible in order.
//   - A new client has a backfill from the transaction that stores the client until its history is read.
//   - Every call of the portal finds only what the user may read, twice over: by the conditions of the
//     function that it calls and by row-level security (I8; see migration answers). An access is logged
//     before it is answered (I9).
//
// # Clocks
//
// Leases, slots, claims and freshness go by the database's clock; cursors and windows by the source's.
// The two are never compared.
//
// # What it does not do
//
// It does not know FHIR, schedules or HTTP, and it does not decide what to read next: package sync
// does. River's client runs there too; this package only inserts its jobs, in the transaction of the
// run that they are for.
package store
