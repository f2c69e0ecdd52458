// Package portalapi is the read side: the HTTP API that a portal's server calls
// to draw a client's dossier. openapi.yaml, which it serves, is the contract.
//
// # What happens to a request
//
// Its token is checked, and a place is waited for: so many are answered at once, and
// no organisation takes all places. Its parameters are read strictly, and then one
// pipelined read in one snapshot tells who asks, what they may open, what is in it
// and how fresh it is. What was read is logged, and only then does anything leave: an
// entry that cannot be written within a second makes the answer a 503. Whoever
// has no right gets the answer, by the same statements and with the same entry in
// the log, that a client who does not exist would get.
//
// The answer is built from the snapshot before the log's commit and sent after it,
// whole, with its place given back. It is true of the moment of the snapshot, which
// comes after the request did: a right that was revoked before a request came shows
// nothing in it. One that is revoked while the answer waits for the log, or is on its
// way, does not call it back; the entry that tells of it is there by then.
//
// # What is and is not decided here
//
// Which rows a user may see is decided twice: by the statements of package store,
// and by row-level security underneath them. This package decides what to say
// about it: which parts a list is made of, as of when it is true, and why it is
// empty. Items are stored as they are served; nothing here reads their content.
//
// An error becomes HTTP in package problem and nowhere else. No path, query, user
// or client gets into a log line, a metric or a problem.
package portalapi
