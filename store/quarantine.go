package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Quarantined is an item that could not be applied, and why.
type Quarantined struct {
	Tenant    string         `json:"tenant"`
	Key       string         `json:"key"`
	Stream    dossier.Stream `json:"stream"`
	Type      string         `json:"type"`
	ID        string         `json:"id"` // empty where it has none
	Reason    dossier.Reason `json:"reason"`
	Detail    string         `json:"detail"`
	FirstSeen time.Time      `json:"firstSeen"`
	LastSeen  time.Time      `json:"lastSeen"`
	Attempts  int            `json:"attempts"`
}

const quarantineColumns = `tenant, key, stream, type, coalesce(id, ''), reason, detail, first_seen, last_seen, attempts`

// QuarantineFilter selects what is in quarantine; zero fields select all.
type QuarantineFilter struct {
	Tenant  string
	Tenants []string // only these; nil: all
	Client  string
	After   QuarantinePlace // only what follows it
	Limit   int             // 0: 1,000
}

// QuarantinePlace is where an item stands in the list; the zero one is before all.
type QuarantinePlace struct {
	FirstSeen time.Time
	Key       string
}

// Quarantine returns what is in quarantine, the oldest first.
func (s *Store) Quarantine(ctx context.Context, f QuarantineFilter) ([]Quarantined, error) {
	const q = `
		SELECT ` + quarantineColumns + ` FROM quarantine
		WHERE (@tenant = '' OR tenant = @tenant) AND (@client = '' OR client = @client)
		  AND (@tenants::text[] IS NULL OR tenant = ANY(@tenants))
		  AND (@key = '' OR (first_seen, key) > (@at, @key))
		ORDER BY first_seen, key LIMIT @limit`
	if f.Limit == 0 {
		f.Limit = 1000
	}
	return s.quarantine(ctx, q, pgx.StrictNamedArgs{"tenant": f.Tenant, "tenants": f.Tenants, "client": f.Client,
		"at": f.After.FirstSeen, "key": f.After.Key, "limit": f.Limit})
}

func (s *Store) quarantine(ctx context.Context, q string, args pgx.StrictNamedArgs) ([]Quarantined, error) {
	rows, err := s.pool.Query(ctx, q, args)
	if err != nil {
		return nil, fmt.Errorf("read the quarantine: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Quarantined])
	if err != nil {
		return nil, fmt.Errorf("read the quarantine: %w", err)
	}
	return list, nil
}

// QuarantinedItem is all that is known of one item in quarantine, but its bytes.
type QuarantinedItem struct {
	Quarantined
	Client  *string    `json:"client"`  // null: none, or it could not be read
	Updated *time.Time `json:"updated"` // the bad version's lastUpdated, in the source's clock
	Raw     bool       `json:"raw"`     // its bytes are kept, encrypted
	// State is what the replica holds of the item besides: shown is its last good
	// version; null: nothing.
	State       *dossier.State  `json:"state"`
	StateReason *dossier.Reason `json:"stateReason"`
	StateOf     *time.Time      `json:"stateOf"` // that version's lastUpdated
}

// QuarantinedItem returns the item in quarantine of that key, or [ErrNotFound]. Who
// shows it to somebody takes [Store.ViewQuarantined].
func (s *Store) QuarantinedItem(ctx context.Context, key string) (QuarantinedItem, error) {
	const q = `
		SELECT ` + quarantineColumns + `, client, updated, raw IS NOT NULL, i.stored, i.why, i.as_of
		FROM quarantine LEFT JOIN LATERAL (
			SELECT state AS stored, items.reason AS why, items.updated AS as_of FROM items
			WHERE items.tenant = quarantine.tenant AND items.key = quarantine.key) i ON true
		WHERE key = @key`
	it, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[QuarantinedItem], q, pgx.StrictNamedArgs{"key": key})
	if errors.Is(err, pgx.ErrNoRows) {
		return QuarantinedItem{}, fmt.Errorf("quarantined item %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return QuarantinedItem{}, fmt.Errorf("read the quarantine: %w", err)
	}
	return it, nil
}

// ViewQuarantined returns the item in quarantine of that key, to be shown to the
// operator by: it tells of whom it is. The access log has it before (NEN 7513); where
// that cannot be written nothing is returned. It fails with [ErrNotFound] or
// [ErrLogUnavailable].
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

// ErrNoRaw says that no raw bytes are kept: no key was configured when the item
// came, it was too large, or only PostgreSQL refused it.
var ErrNoRaw = errors.New("no raw bytes are kept of it")

// QuarantineRaw returns the bytes of a quarantined item as they were received, to
// be shown to the operator by. The access log has it before (NEN 7513): where it
// cannot be written there are no bytes. It fails with [ErrNotFound], [ErrNoRaw],
// [ErrOtherKey], [ErrNotItsBytes] or [ErrLogUnavailable].
func (s *Store) QuarantineRaw(ctx context.Context, key, by string) ([]byte, error) {
	const q = `SELECT tenant, coalesce(client, ''), raw FROM quarantine WHERE key = @key`
	e := AccessEvent{Action: "read", Event: "quarantine view", Outcome: "success", User: by, Object: key}
	var raw []byte
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		var sealed []byte
		err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"key": key}).Scan(&e.Tenant, &e.Client, &sealed)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if raw, err = s.unseal(e.Tenant, key, sealed); err != nil {
			return err
		}
		return (&AccessLog{source: "operator"}).within(ctx, tx, e)
	})
	if err != nil {
		return nil, fmt.Errorf("show the raw bytes of a quarantined item: %w", err)
	}
	return raw, nil
}

func (s *Store) unseal(tenant, key string, sealed []byte) ([]byte, error) {
	if sealed == nil || s.sealer == nil {
		return nil, ErrNoRaw
	}
	return s.sealer.open(tenant, key, sealed)
}

// RawToRetry returns the bytes of a quarantined item for a run to decode again.
// Nobody sees them. It fails like [Store.QuarantineRaw].
func (s *Store) RawToRetry(ctx context.Context, c Claim, key string) ([]byte, error) {
	const q = `SELECT raw FROM quarantine WHERE tenant = @tenant AND key = @key`
	var sealed []byte
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key}).Scan(&sealed)
	if err == nil {
		sealed, err = s.unseal(c.Run.Tenant, key, sealed)
	}
	if err != nil {
		return nil, fmt.Errorf("read the raw bytes of a quarantined item: %w", err)
	}
	return sealed, nil
}

// QuarantineToRetry returns items that the run has not tried yet, of those that
// its scope names if it names any: they can be asked for by their id, or their
// bytes are kept and may tell it.
func (s *Store) QuarantineToRetry(ctx context.Context, c Claim, limit int) ([]Quarantined, error) {
	const q = `
		SELECT ` + quarantineColumns + ` FROM quarantine
		WHERE tenant = @tenant AND (id IS NOT NULL OR raw IS NOT NULL AND @sealer) AND last_seen < @started
		  AND (@keys::text[] IS NULL OR key = ANY(@keys))
		ORDER BY last_seen, key LIMIT @limit`
	return s.quarantine(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "started": c.Run.StartedAt,
		"keys": c.Run.Scope.Keys, "sealer": s.sealer != nil, "limit": limit})
}

// TouchQuarantine notes that the item was tried again in vain, unless the run has
// noted that already.
func (s *Store) TouchQuarantine(ctx context.Context, c Claim, key string) error {
	const q = `
		UPDATE quarantine SET last_seen = now(), attempts = attempts + 1
		WHERE tenant = @tenant AND key = @key AND last_seen < @started`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key, "started": c.Run.StartedAt}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("note a retry: %w", err)
	}
	return nil
}

// DropQuarantine forgets an item that the source does not have any more, unless
// its last good version is still shown: whether that goes is reconcile's to judge.
func (s *Store) DropQuarantine(ctx context.Context, c Claim, key string) error {
	const q = `
		DELETE FROM quarantine q WHERE q.tenant = @tenant AND q.key = @key AND NOT EXISTS (
			SELECT FROM items i WHERE i.tenant = @tenant AND i.key = @key AND i.state = 'shown')`
	if err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key}); err != nil {
		return fmt.Errorf("forget a quarantined item: %w", err)
	}
	return nil
}

// forgetGone removes from quarantine what cannot be asked for by id (records
// without one, and stray ones of types that the stream does not have) once the
// run has read the whole stream and they were not in it. It is part of the
// transaction of the stream's last window.
func forgetGone(ctx context.Context, tx pgx.Tx, c Claim, stream dossier.Stream) error {
	const q = `
		DELETE FROM quarantine q
		WHERE q.tenant = @tenant AND q.stream = @stream AND q.last_seen < @started
		  AND (q.id IS NULL OR NOT EXISTS (
			SELECT FROM run_types t WHERE t.run = @run AND t.stream = @stream AND t.type = q.type))
		  AND NOT EXISTS (
			SELECT FROM run_types t WHERE t.run = @run AND t.stream = @stream
			AND (t.from_time IS NOT NULL OR NOT t.done OR t.short))`
	_, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{
		"tenant": c.Run.Tenant, "run": c.Run.ID, "stream": stream, "started": c.Run.StartedAt})
	if err != nil {
		return fmt.Errorf("forget quarantined items that are gone: %w", err)
	}
	return nil
}

// CountQuarantine returns how much a tenant has in quarantine of what a run of that
// scope is about: one client's or one stream's, or those of its keys.
func (s *Store) CountQuarantine(ctx context.Context, tenant string, of Scope) (int64, error) {
	const q = `
		SELECT count(*) FROM quarantine WHERE tenant = @tenant AND (@keys::text[] IS NULL OR key = ANY(@keys))
		  AND (@client = '' OR client = @client) AND (@stream = '' OR stream = @stream)`
	var n int64
	args := pgx.StrictNamedArgs{"tenant": tenant, "keys": of.Keys, "client": of.Client, "stream": of.Stream}
	if err := s.pool.QueryRow(ctx, q, args).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the quarantine of %s: %w", tenant, err)
	}
	return n, nil
}

// QuarantineSizes returns how much each tenant has in quarantine; a tenant with
// nothing is not in it.
func (s *Store) QuarantineSizes(ctx context.Context) (map[string]int64, error) {
	const q = `SELECT tenant, count(*) FROM quarantine GROUP BY tenant`
	rows, err := s.pool.Query(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("count the quarantine: %w", err)
	}
	sizes := make(map[string]int64)
	if err := collectMap(sizes)(rows); err != nil {
		return nil, fmt.Errorf("count the quarantine: %w", err)
	}
	return sizes, nil
}
