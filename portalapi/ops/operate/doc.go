// Package operate answers the operators' questions once, for the command line, the operators' API
// and the console: how up to date a tenant is (status.go) and what needs a person's attention
// (attention.go, causes.go), how each slot went (strip.go), how
// far a run is (progress.go), and what a dossier shows, to which users, and why nothing else
// (why.go, conclude.go). words.go puts times, scopes and outcomes into English.
//
// The answers have no names of people and no text of a dossier. WhyOf writes to the access log
// before it answers (I9).
package operate
