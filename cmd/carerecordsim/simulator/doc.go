// Package simulator is a FHIR R4 server over HTTP with its resources in memory: a care
// record system to test clients against. It shares no code with dossiersync, so that a
// misreading of FHIR in one is not repeated in the other.
//
// A Server is written to through Go methods or over HTTP. Each write is a new version
// with its own lastUpdated. By default the server keeps to FHIR: the
// CapabilityStatement and Bundle.link[self] name what it does; what it does not know
// is refused or, as FHIR asks, ignored unless the client wants strict handling; and
// pages over moving data show every resource once, as it was at the first page.
//
// A Layer stands between the network and the handlers, and may delay, change or refuse
// requests and answers. Package faults is such a layer. Differences between servers
// that are not faults are a Behaviour; package behaviours has one per known server.
//
// Other packages fill a Server: dossiers with a fictional care organisation, cases with
// one client per hard case, load with files. Package carerecord combines all of them.
//
// The server does not do batches, transactions, the history of the whole system,
// chained searches, conditional writes or XML, and it does not validate resources.
package simulator
