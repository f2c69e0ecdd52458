// Package dossiers makes up the dossiers of a care organisation: clients and
// their contacts, staff and teams, care plans with goals and who agreed to them,
// reports, documents and forms, as FHIR R4 resources. Nobody in them exists.
//
// Generate tells a past, as a list of writes in the order in which a care
// record system would have done them: a report that was corrected is written
// twice, one that was removed is written and deleted. Living goes on from
// there. Both depend on nothing but their options, so that the same seed and
// the same clock give the same bytes.
//
// Most of a dossier is ordinary. The rest is what happens in a care
// organisation now and then: late entries, corrections, withdrawals, reports
// on the wrong client, marks that keep a report from the client's eyes, authors
// whom the source does not show, forms that are opened again, files that are not
// there. Fates say how often. What must be tried one by one is in package cases.
package dossiers
