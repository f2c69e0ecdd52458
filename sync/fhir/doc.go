// Package fhir is the FHIR R4 source: it asks a care record system over HTTP,
// and maps what it answers to the store's row types. Nothing outside this
// package knows FHIR.
//
// # Asking
//
// A [Source] is polite before it is quick. Every call takes one of a few slots,
// waits as long as the source has asked everybody to wait, and then makes up to
// four attempts; an attempt waits for the limiter, asks the breaker, and only
// then sends. What came of it is sorted once (trouble.go) into a
// [source.Failure]: whoever calls never sees a status code.
//
// Servers differ in what they understand, and some refuse a whole search for one
// parameter. What a search asks for beyond the plainest FHIR is therefore a
// feature: when a search is refused, it is tried without, and what was refused is
// not asked for again by this Source (features.go). An answer beyond the limit
// makes the pages of its type smaller, until they fit again. Likewise for what was
// deleted: a server has a history of it, or a search for it, or neither
// (deletions.go).
//
// Nothing is sent to another origin than the base URL's, nor outside its path: not for a
// redirect, not for a next link, not for the file in which a document has its text, which
// is a Binary below it (reach.go, file.go); the configuration may name other paths. Ways
// of authenticating are transports around the one that carries the requests
// (auth.go), so that a credential goes there and nowhere else; a secret or a key goes
// to its token URL.
//
// # Reading
//
// An answer is taken apart, not parsed: a bundle into entries, an entry into its
// members, and a member is read when it is asked for (scan.go, resource.go,
// tree.go). So one bad record spoils no page, a fault in what nobody reads spoils
// no record, and what nobody reads costs next to nothing. encoding/json could do
// none of the three, and replaces half surrogates and bytes that are no UTF-8
// without a word.
//
// A value that is asked for what it is not records a fault with its resource and
// yields nothing (value.go). Mapping code therefore has no error handling, and
// faults name their place: "performer[1].reference: not a text".
//
// # Judging
//
// An item is decoded in two steps (item.go). The envelope says who it is, whose,
// and whether it is for the client's eyes; statuses are known by allow-list, and
// what is not understood hides. Only then is the body looked at. So
//
//   - an envelope that cannot be read is quarantined, and nothing may stay shown;
//   - an envelope that hides or withdraws is obeyed, however broken the body;
//   - a body that cannot be read is quarantined with EnvelopeRead: the last good
//     version may stay. A text that cannot be fetched is a body that cannot be read;
//   - where this program itself fails, nothing is known: it is as an envelope that
//     cannot be read.
//
// Marks and rules reach below the record: what it contains, its sections, its labelled
// elements and its files are judged alike (contained.go, inline.go, binary.go). Text is made
// plain once, here: HTML by the tree that a browser would build (repair.go, html.go), XHTML
// and CDA by the rules of XML. Where that loses words the record cannot be read: "empty"
// means that the source said nothing.
//
// A modifierExtension counts wherever it is met in what is read: FHIR allows it
// on parts of a resource too.
//
// # Not here
//
// What a form's questions are called is looked up when it is rendered, and so is
// which of them were to be answered (enableWhen is not read at all). Value sets that
// do not come along with their questionnaire are not pulled, and neither are care
// teams.
package fhir
