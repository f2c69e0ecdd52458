// Package dossiers makes the dossiers of a fictional care organisation, as FHIR R4
// resources: clients and their contacts, staff and teams, care plans with goals and
// agreements, reports, documents and forms.
//
// Generate returns the history as a list of writes in the order in which a care record
// system would make them: a corrected report is written twice, a removed one is written
// and deleted. Living continues from there. Both depend on their options only: the same
// seed and clock give the same bytes.
//
// Most of a dossier is ordinary. The rest is what sometimes happens in a care
// organisation: late entries, corrections, withdrawals, reports about the wrong client,
// marks that hide a report from the client, authors whom the source does not show,
// reopened forms, missing files. reportCourses has the frequencies. Package cases has
// each of these as a case of its own.
package dossiers
