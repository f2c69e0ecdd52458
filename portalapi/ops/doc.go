// Package ops is the operators' HTTP: health, metrics, how each tenant fares, what
// runs have done, asking for one, and cancelling one.
//
// Where users are configured, each brings a token and sees and does what their
// tenants and verbs allow; a tenant that is not theirs is answered like one that
// does not exist. Where none are, the listener is on loopback and whoever reaches
// it may do everything: requests must then be made to a loopback name, so that a
// web page cannot reach it under a name of its own that it points there. Health
// needs no token.
//
// What changes something must come as application/json and not from another site,
// which no form or link in a browser can do.
package ops
