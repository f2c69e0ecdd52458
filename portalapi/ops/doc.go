// Package ops is the operators' HTTP: health, metrics, an API for programs and a
// console for people, on one listener. Both tell how each tenant fares, what runs
// have done, what could not be applied, what waits for approval, and why a dossier
// is as it is; both take the same deeds, recorded under the name of who did them.
// What they tell is put together in package answer, and drawn in package console.
//
// Where users are configured, a program brings a user's token with each request,
// and a person logs in with theirs, once: the session is a cookie that is sealed
// with that token and a key of this process, ends after eight hours or with the
// token, and counts for pages only. Each sees and does what their tenants and verbs
// allow; a tenant that is not theirs is answered like one that does not exist.
// Where there are none, the listener is on loopback and whoever reaches it may do
// everything: requests must then be made to a loopback name, so that a web page
// cannot reach it under a name of its own that it points there. Health needs no
// token.
//
// What changes something is a POST that a browser does not send for another site:
// application/json to the API, which no form can send, and a form to a page. A page
// runs nothing that stands in it, and names no client in its address.
package ops
