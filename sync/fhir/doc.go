// Package fhir is the FHIR R4 source: it asks a care record system over HTTP,
// and maps its answers to the items of package dossier. Apart from the settings
// of package config, which name FHIR types and codes, no other package knows FHIR.
//
// # Asking
//
// A [Source] keeps the load on the server low. Every call takes one of a few slots,
// waits as long as the server has asked by Retry-After, and then makes up to four
// attempts. An attempt waits for the limiter of requests per second, asks the
// circuit breaker, and then sends. A failure gets its kind in one place
// (trouble.go), as a [source.Failure], so callers never see a status code.
//
// Servers differ in what they understand, and some refuse a whole search for one
// parameter. Each parameter that a search can do without is therefore a feature:
// when a search is refused, it is tried without the parameter, and this Source does
// not send a refused parameter again (features.go). After an answer that is larger
// than the limit, the Source asks for smaller pages of that type. Deletions are
// asked for by history or by search; some servers have neither (deletions.go).
//
// Nothing is sent to another origin than the base URL's, nor outside its path: not for
// a redirect, not for a next link, not for the file in which a document has its text,
// which is a Binary below the base URL (reach.go, file.go). The configuration may name
// other paths. A way of authenticating is an http.RoundTripper around the one that sends
// the requests (auth.go), so that a credential is sent to the base URL's origin only. A
// client secret or a signed assertion is sent to the token URL only.
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
//   - an envelope that hides or withdraws takes effect, even if the body cannot be read;
//   - a body that cannot be read is quarantined with EnvelopeRead: the last good
//     version may stay. A text that cannot be fetched is a body that cannot be read;
//   - if this program itself fails on a resource, that is treated as an envelope that
//     cannot be read.
//
// Marks and rules apply below the record too: the resources that it contains, its
// sections, its labelled elements and its files are judged in the same way
// (contained.go, inline.go, binary.go). Text is made plain in one place: HTML by the tree
// that a browser would build (repair.go, html.go), XHTML and CDA by the rules of XML. If
// that would lose words, the record cannot be read; "empty" means that the source sent no
// words.
//
// A modifierExtension is judged wherever it is found in the parts that are read:
// FHIR allows it on the elements of a resource too.
//
// # Not here
//
// The texts of a form's questions are looked up in its Questionnaire when the form is
// rendered, by package render. ValueSets that are not contained in their Questionnaire
// are not read, and neither are CareTeams.
package fhir
