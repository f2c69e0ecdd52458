// Package simulator is a care record system to try dossiersync against: FHIR
// R4 over HTTP, over resources that it holds in memory. It shares no code with
// the rest of the repository, so that a misreading of FHIR in the one is not
// repeated in the other.
//
// A Server is filled and changed through its Go methods or over HTTP; either
// way each write is a new version with a lastUpdated of its own. Left alone it
// is honest: CapabilityStatement and Bundle.link[self] name what it really
// does, what it does not do is refused or, as FHIR asks, ignored unless the
// client wants strict handling, and paging over moving data shows every
// resource once, as it was when the first page was asked for.
//
// Being a good example is not the whole of its work. A Layer stands between
// the network and the requests' handling and may delay, alter or refuse
// whatever passes; faults belong there, and not in the handlers. Package faults
// has them. What servers differ in without being broken is a Behaviour; package
// behaviours names sets of it after the servers that they were seen in.
//
// Other packages fill a Server: dossiers with a made-up care organisation, cases
// with one client for each case that a reader of dossiers must get right, load
// with files. Package carerecord puts all of it together.
//
// What it does not do: batches, transactions, the history of the whole system,
// chained searches, conditional writes, XML, and checking resources against
// FHIR's definitions.
package simulator
