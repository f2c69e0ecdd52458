// Package archive keeps FHIR resources of any type in memory, every version
// of them, as the bytes that a server sends.
//
// A write never changes a version: it adds one, with the next sequence number,
// and marks its predecessor as superseded from there on. That makes two things
// cheap. A search is answered as of a sequence number, so that paging over
// data that moves shows each resource once, as it was when the first page was
// asked for. And the list of a type's versions in the order of lastUpdated is
// its history, deletions included.
//
// Sequence and lastUpdated are two orders. The caller gives lastUpdated, and
// may give one that lies before what is already there: that is how a late
// commit looks to who reads by time.
//
// The archive knows of a resource only what searches need: patient, codes and
// statuses. It does not check a resource against FHIR, and forgets nothing unless
// it is told to.
package archive
