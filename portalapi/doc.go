// Package portalapi is the read side: the HTTP API that a portal's server calls to draw a client's
// dossier. openapi.yaml, which it also serves, is the contract. Promises are named by their numbers
// in docs/design.md: I8 deny by default, I9 logged or not shown, I10 honest freshness.
//
// # The steps of a request
//
//  1. serve (serve.go) gives the request an id, and rejects a URL or headers that are too large.
//  2. The route (route.go) gives the endpoint of the method, with its scope and its event's name.
//  3. identify (answer.go, auth.go) verifies the token. The issuer's keys and their policy are in
//     keys.go and keyring.go; verified tokens are kept in tokencache.go.
//  4. The limiter (limiter.go) gives the request a place, or answers 503. No tenant gets them all.
//  5. requireScope (auth.go) checks the token's scope.
//  6. The handler reads its parameters strictly (package web), and makes one call of the database:
//     the user's rights, the content and its freshness, in one snapshot. A conditional request reads the
//     content only if it has changed. With a standby, package store asks the primary for all but the
//     content. Handlers: dossiers.go (list, start panel, contacts), lists.go (time line, reports, forms,
//     care plans), density.go, accesslog.go, grants.go and grantlist.go (writes, by the portal).
//  7. The handler builds the body from the snapshot (page.go, freshness.go).
//  8. readAndLog (answer.go) writes the entry to the access log, and waits for its commit.
//  9. The place is given back, and send (answer.go) answers: 200, 204 or, by the ETag, 304.
//
// An error of any step becomes a problem document in refuse (serve.go) and nowhere else. No path,
// query, user or client gets into a log line, a metric or a problem.
//
// # Deny by default (I8)
//
// The rows that a user may see are decided twice: by the conditions of the database's function, and
// by row-level security below them. A user without a right gets the answer of a client who does not
// exist, from the same statements, with the same entry in the access log. This package decides only
// how to describe the rows: the parts of a list, as of when they are true, and why a list is empty.
// Items are stored as they are served; nothing here reads their content.
//
// # Logged or not shown (I9)
//
// The entry is committed before the answer is sent, also before a 304 or a 404. If the access log
// cannot commit within a second, store.AccessLog fails with store.ErrLogUnavailable, which
// asProblem (serve.go) turns into a 503. Writes log in their own transaction, so a change that
// cannot be logged is not stored.
//
// The answer is true as of its snapshot, which is later than the request. So a right that was
// revoked before a request shows nothing in its answer. If a right is revoked while the answer
// waits for the log or is being sent, the answer is sent all the same, and its entry is in the
// log.
//
// # Honest freshness (I10)
//
// Every answer has an asOf, and an empty list has a reason, which never depends on hidden items
// (freshness.go).
package portalapi
