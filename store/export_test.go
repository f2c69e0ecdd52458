package store

import (
	"slices"
	"time"

	"dossiersync/store/dossier"
)

// SetAsleep changes after how long a worker counts as asleep.
func (s *Store) SetAsleep(d time.Duration) { s.asleep = d }

// LogKeepYears is the shortest time for which the access log must be kept.
const LogKeepYears = logKeepYears

// TracedTables returns the tables of which an erasure deletes a client's rows.
func TracedTables() []string {
	var tables []string
	for _, t := range traces {
		tables = append(tables, t.table)
	}
	return tables
}

// Feeds returns the pairs of stream and part that function feeds of the database must have.
func Feeds() []string {
	var list []string
	for _, part := range append(dossier.Parts(), dossier.PartContacts) {
		for _, stream := range append(part.Streams(), dossier.StreamClients) {
			list = append(list, string(stream)+" "+string(part))
		}
	}
	slices.Sort(list)
	return list
}

// SetNow changes the clock of the portal's proofs.
func (p *Portal) SetNow(now func() time.Time) { p.now = now }

// CallArgs returns the arguments of a function, with a proof.
func (p *Portal) CallArgs(purpose string, id Identity, client string, more ...any) []any {
	return p.callArgs(purpose, id, client, more...)
}

// TenantArgs returns the arguments of a function that is about no single client.
func (p *Portal) TenantArgs(purpose string, id Identity, more ...any) []any {
	return p.tenantArgs(purpose, id, more...)
}

// ListArgs returns the arguments of function portal_list.
func (p *Portal) ListArgs(id Identity, client string, q ListQuery) []any {
	return p.callArgs(purposeRead, id, client, q.args()...)
}

// Parameters returns a list of n parameters.
func Parameters(n int) string { return parameters(n) }
