package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Quarantined is an item that could not be applied, with the reason.
type Quarantined struct {
	Tenant    string         `json:"tenant"`
	Key       string         `json:"key"`
	Stream    dossier.Stream `json:"stream"`
	Type      string         `json:"type"`
	ID        string         `json:"id"` // empty if the record has none
	Reason    dossier.Reason `json:"reason"`
	Detail    string         `json:"detail"`
	FirstSeen time.Time      `json:"firstSeen"`
	LastSeen  time.Time      `json:"lastSeen"`
	Attempts  int            `json:"attempts"`
}

const quarantineColumns = `
			tenant, key, stream, type, coalesce(id, ''), reason, detail,
			first_seen, last_seen, attempts`

// putQuarantine stores an item that could not be applied, or counts one more attempt at it.
const putQuarantine = `
	INSERT INTO quarantine (tenant, key, stream, type, id, client, updated, reason, detail, raw)
	VALUES (@tenant, @key, @stream, @type, nullif(@id, ''), nullif(@client, ''), @updated,
		@reason, @detail, @raw)
	ON CONFLICT (tenant, key) DO UPDATE SET
		reason = excluded.reason,
		detail = excluded.detail,
		raw = excluded.raw,
		client = excluded.client,
		updated = excluded.updated,
		last_seen = now(),
		attempts = quarantine.attempts + 1`

// QuarantineFilter selects items in quarantine; zero fields select all.
type QuarantineFilter struct {
	Tenant  string
	Tenants []string // only these; nil: all
	Client  string
	After   QuarantinePlace // only items after it
	Limit   int             // 0: 1,000
}

// QuarantinePlace is an item's place in the list; the zero value is before all items.
type QuarantinePlace struct {
	FirstSeen time.Time
	Key       string
}

// Quarantine returns the items in quarantine that f selects, the oldest first.
func (s *Store) Quarantine(ctx context.Context, f QuarantineFilter) ([]Quarantined, error) {
	const q = `
		SELECT` + quarantineColumns + `
		FROM quarantine
		WHERE (@tenant = '' OR tenant = @tenant)
		  AND (@client = '' OR client = @client)
		  AND (@tenants::text[] IS NULL OR tenant = ANY(@tenants))
		  AND (@key = '' OR (first_seen, key) > (@at, @key))
		ORDER BY first_seen, key
		LIMIT @limit`
	if f.Limit == 0 {
		f.Limit = 1000
	}
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Quarantined], q, pgx.StrictNamedArgs{
		"tenant": f.Tenant, "tenants": f.Tenants, "client": f.Client,
		"at": f.After.FirstSeen, "key": f.After.Key, "limit": f.Limit})
	if err != nil {
		return nil, fmt.Errorf("read the quarantine: %w", err)
	}
	return list, nil
}

// QuarantinedItem is one item in quarantine, without its bytes.
type QuarantinedItem struct {
	Quarantined
	Client  *string    `json:"client"`  // null: none, or it could not be read
	Updated *time.Time `json:"updated"` // the bad version's lastUpdated, in the source's clock
	Raw     bool       `json:"raw"`     // its bytes are kept, encrypted
	// State is the state of the item's stored row: shown is its last good version; null:
	// nothing is stored.
	State       *dossier.State  `json:"state"`
	StateReason *dossier.Reason `json:"stateReason"`
	StateOf     *time.Time      `json:"stateOf"` // the stored version's lastUpdated
}

// QuarantinedItem returns the item in quarantine of that key. It fails with [ErrNotFound]. To
// show the item to an operator, use [Store.ViewQuarantined], which logs the access.
func (s *Store) QuarantinedItem(ctx context.Context, key string) (QuarantinedItem, error) {
	const q = `
		SELECT` + quarantineColumns + `,
			client, updated, kept, i.stored, i.why, i.as_of
		FROM quarantine
		LEFT JOIN LATERAL (
			SELECT state AS stored, items.reason AS why, items.updated AS as_of
			FROM items
			WHERE items.tenant = quarantine.tenant AND items.key = quarantine.key) i ON true
		WHERE key = @key`
	scan := pgx.RowToStructByPos[QuarantinedItem]
	it, err := queryOne(ctx, s.pool, scan, q, pgx.StrictNamedArgs{"key": key})
	if errors.Is(err, pgx.ErrNoRows) {
		return QuarantinedItem{}, fmt.Errorf("quarantined item %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return QuarantinedItem{}, fmt.Errorf("read the quarantine: %w", err)
	}
	return it, nil
}

// ViewQuarantined returns the item in quarantine of that key, to be shown to the operator by.
// Because the item names its client, the access is logged first (NEN 7513). It fails with
// [ErrNotFound], or with [ErrLogUnavailable] if the access cannot be logged.
func (s *Store) ViewQuarantined(ctx context.Context, key, by string) (QuarantinedItem, error) {
	it, err := s.QuarantinedItem(ctx, key)
	if err != nil {
		return QuarantinedItem{}, err
	}
	e := AccessEvent{Tenant: it.Tenant, Action: "read", Event: "quarantine", Outcome: "success", User: by, Object: key}
	if it.Client != nil {
		e.Client = *it.Client
	}
	if err := s.logOperator(ctx, e); err != nil {
		return QuarantinedItem{}, fmt.Errorf("show a quarantined item: %w", err)
	}
	return it, nil
}

// CountQuarantine returns how many items in quarantine a run of that scope is about: those of
// its client, stream and keys, where the scope has them.
func (s *Store) CountQuarantine(ctx context.Context, tenant string, of Scope) (int64, error) {
	const q = `
		SELECT count(*)
		FROM quarantine
		WHERE tenant = @tenant
		  AND (@keys::text[] IS NULL OR key = ANY(@keys))
		  AND (@client = '' OR client = @client)
		  AND (@stream = '' OR stream = @stream)`
	args := pgx.StrictNamedArgs{"tenant": tenant, "keys": of.Keys, "client": of.Client, "stream": of.Stream}
	n, err := queryOne(ctx, s.pool, pgx.RowTo[int64], q, args)
	if err != nil {
		return 0, fmt.Errorf("count the quarantine of %s: %w", tenant, err)
	}
	return n, nil
}

// QuarantineSizes returns how many items each tenant has in quarantine; tenants without any
// are left out.
func (s *Store) QuarantineSizes(ctx context.Context) (map[string]int64, error) {
	const q = `
		SELECT tenant, count(*)
		FROM quarantine
		GROUP BY tenant`
	sizes, err := queryMap[string, int64](ctx, s.pool, q)
	if err != nil {
		return nil, fmt.Errorf("count the quarantine: %w", err)
	}
	return sizes, nil
}
