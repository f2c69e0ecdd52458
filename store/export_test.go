package store

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// SetAsleep changes after how long a worker counts as asleep.
func (s *Store) SetAsleep(d time.Duration) { s.asleep = d }

// Identify is the statement that begins every read.
const Identify = identify

// Statement returns the statement that reads a page, and its arguments.
func (q ListQuery) Statement(id Identity, client string) (string, pgx.StrictNamedArgs) {
	return q.sql(), q.args(id, client)
}

// IdentityArgs returns the arguments of [Identify].
func IdentityArgs(id Identity) pgx.StrictNamedArgs { return id.args("", "") }

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
