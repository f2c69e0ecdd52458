// Package ops serves the operators on one listener: health, metrics, an API for programs and a
// console for people. API and console show how up to date each tenant is, runs, quarantine,
// removals that wait for approval, and why a dossier shows what it shows; both offer the same
// actions (actions.go), which are recorded under the operator's name. Package operate answers their
// questions, and package console draws the pages.
//
// # The steps of a request
//
//  1. serve (request.go) sets the security headers and a time limit.
//  2. guard (request.go) finds the route of the method in the pattern's list (ops.go, pages.go).
//  3. authorize (user.go) checks the origin, the token or session, and the permission that the route
//     needs. Sessions are in session.go, wrong tokens in wrongtoken.go.
//  4. The handler begins with readGet, readPost or readForm (request.go): no unknown parameters,
//     then the tenant, run or item that the path names, then the body. A tenant that is not the
//     user's is answered like one that does not exist.
//  5. The handler reads or acts, and answers with JSON (tenants.go, resync.go, reconcile.go,
//     runs.go, quarantine.go) or a page (page_*.go, login.go).
//  6. An error becomes a problem document, or a page with the sentences of page_text.go.
//
// An item of the quarantine and the state of a client's dossier are shown only after the access log
// has committed an entry with the operator's name (I9). Without the log, the answer is a 503.
//
// # Users
//
// If users are configured, a program sends a user's token with each request, and a person logs in
// with a token. The session's cookie is authenticated with that token and a key of this process. It
// ends after eight hours or when the token changes, and is valid for pages only. Sessions and the
// limits on wrong tokens live in this process, not in the database.
//
// Without users, the listener is on loopback, and every caller has every permission. The Host
// header must then be a loopback name, so that a web page cannot reach the listener under another
// name. Health needs no token.
//
// # Requests from other sites
//
// Every change is a POST that a browser does not send for another site: application/json to the
// API, which no form can send, and a form to a page, whose origin is checked. No page contains a
// script of its own, and no page's URL contains a client's id.
package ops
