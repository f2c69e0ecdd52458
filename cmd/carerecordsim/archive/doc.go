// Package archive keeps FHIR resources of any type in memory, with every version,
// as the bytes that a server sends.
//
// A write never changes a version. It adds one with the next sequence number, from
// which on the version before counts as superseded. A search is answered as of a
// sequence number: pages over data that moves show each resource once, as it was at
// the first page. The versions of a type in the order of lastUpdated, tombstones
// included, are its history.
//
// Sequence and lastUpdated are two orders. The caller gives lastUpdated, and may give
// one before that of existing versions: this is how a late commit looks to a client
// that reads by time.
//
// The archive indexes only what searches need: patient, codes and statuses. It does
// not validate resources.
package archive
