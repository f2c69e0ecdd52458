package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Erasure is the record that a client's dossier was erased for good.
type Erasure struct {
	Tenant string    `json:"tenant"`
	Client []byte    `json:"client"` // a digest: see [ErasureDigest]
	At     time.Time `json:"at"`
	By     string    `json:"by"` // an operator's name
}

// ErasureDigest returns by what an erased client is known: enough to keep the
// dossier from coming back, and to erase it again after a backup was restored.
func ErasureDigest(tenant, client string) []byte {
	h := sha256.New()
	for _, s := range [...]string{"erasure", tenant, client} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}

// Erased says what an erasure came to.
type Erased struct {
	Erasure
	Removed []TableCount `json:"removed"` // rows, by table
	// Left is what was found of the client after the erasure, by table: nothing.
	Left []TableCount `json:"left"`
	// Logged is how many entries of the access log name the client: the law (NEN
	// 7513) has them kept.
	Logged int64 `json:"logged"`
}

// TableCount is how many rows of a table something is true of.
type TableCount struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// traces lists the tables that may hold something of a client, with how its rows
// are found; @keys are the keys of the client's items.
var traces = []struct{ table, where string }{
	{"refs", `tenant = @tenant AND (key = ANY(@keys) OR target = ANY(@keys))`},
	{"stale", `tenant = @tenant AND key = ANY(@keys)`},
	{"rereads", `tenant = @tenant AND key = ANY(@keys)`},
	{"replacements", `tenant = @tenant AND (key = ANY(@keys) OR target = ANY(@keys))`},
	{"absences", `tenant = @tenant AND key = ANY(@keys)`},
	{"census", `run IN (SELECT id FROM runs WHERE tenant = @tenant) AND (key = ANY(@keys) OR client = @client)`},
	{"seen", `key = ANY(@keys)`},
	{"quarantine", `tenant = @tenant AND (client = @client OR key = ANY(@keys))`},
	{"decisions", `tenant = @tenant AND EXISTS (SELECT FROM unnest(@keys::text[]) k WHERE object LIKE '%' || k)`},
	{"cursors", `tenant = @tenant AND client = @client`},
	{"backfills", `tenant = @tenant AND client = @client`},
	{"contacts", `tenant = @tenant AND client = @client`},
	{"grants", `tenant = @tenant AND client = @client`},
	{"items", `tenant = @tenant AND (client = @client OR key = ANY(@keys))`},
	{"clients", `tenant = @tenant AND id = @client`},
}

// Erase removes everything of a client but the entries of the access log, keeps
// it from being stored again, and looks whether anything is left. It waits for
// what is just being written of the tenant. A client of whom nothing is known is
// erased as well: nothing will be stored.
func (s *Store) Erase(ctx context.Context, tenant, client, by string) (Erased, error) {
	out := Erased{Erasure: Erasure{Tenant: tenant, Client: ErasureDigest(tenant, client), By: by}}
	// First, and by itself: what is applied from now on goes by it, and what does
	// not yet is waited for.
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error { return noteErasure(ctx, tx, &out.Erasure) })
	if err != nil {
		return Erased{}, fmt.Errorf("note an erasure of %s: %w", tenant, err)
	}
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := beginErasure(ctx, tx, tenant, client); err != nil {
			return err
		}
		keys, err := keysOf(ctx, tx, tenant, client)
		if err != nil {
			return err
		}
		if out.Removed, err = eachTrace(ctx, tx, `DELETE FROM `, tenant, client, keys); err != nil {
			return err
		}
		event := AccessEvent{Tenant: tenant, Action: "delete", Event: "erasure", Outcome: "success", User: by, Client: client}
		return (&AccessLog{source: "operator"}).within(ctx, tx, event)
	})
	if err != nil {
		return Erased{}, fmt.Errorf("erase a dossier of %s: %w", tenant, err)
	}
	if err := s.lookForTraces(ctx, client, &out); err != nil {
		return Erased{}, fmt.Errorf("look for what is left of a dossier of %s: %w", tenant, err)
	}
	return out, nil
}

// noteErasure notes the erasure, by which everything that is applied later goes.
func noteErasure(ctx context.Context, tx pgx.Tx, e *Erasure) error {
	const q = `
		INSERT INTO erasures (tenant, client, by) VALUES (@tenant, @digest, @by)
		ON CONFLICT (tenant, client) DO UPDATE SET at = erasures.at RETURNING at`
	args := pgx.StrictNamedArgs{"tenant": e.Tenant, "digest": e.Client, "by": e.By}
	return tx.QueryRow(ctx, q, args).Scan(&e.At)
}

// beginErasure waits for what is being applied, and removes what other rows say of
// the client.
func beginErasure(ctx context.Context, tx pgx.Tx, tenant, client string) error {
	const hold = `SELECT FROM runs WHERE tenant = @tenant AND state = 'running' FOR UPDATE`
	// An operator may have asked for a run of this client.
	const ask = `
		UPDATE runs SET scope = scope || jsonb_build_object('client', 'erased ' || id)
		WHERE tenant = @tenant AND scope->>'client' = @client`
	const merged = `UPDATE clients SET replaced_by = NULL WHERE tenant = @tenant AND replaced_by = @client`
	if _, err := tx.Exec(ctx, hold, pgx.StrictNamedArgs{"tenant": tenant}); err != nil {
		return err
	}
	for _, q := range []string{ask, merged} {
		if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "client": client}); err != nil {
			return err
		}
	}
	return nil
}

func keysOf(ctx context.Context, tx pgx.Tx, tenant, client string) ([]string, error) {
	const q = `
		SELECT key FROM items WHERE tenant = @tenant AND client = @client
		UNION SELECT key FROM quarantine WHERE tenant = @tenant AND client = @client`
	rows, err := tx.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "client": client})
	if err != nil {
		return nil, err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return append(keys, Key(tenant, Ref{Type: "Patient", ID: client})), err
}

// eachTrace carries out a statement for each table, and returns how many rows it
// concerned.
func eachTrace(ctx context.Context, tx pgx.Tx, statement, tenant, client string, keys []string) ([]TableCount, error) {
	var counts []TableCount
	for _, t := range traces {
		args := pgx.NamedArgs{"tenant": tenant, "client": client, "keys": keys}
		tag, err := tx.Exec(ctx, statement+t.table+` WHERE `+t.where, args)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.table, err)
		}
		if n := tag.RowsAffected(); n > 0 {
			counts = append(counts, TableCount{t.table, n})
		}
	}
	return counts, nil
}

func (s *Store) lookForTraces(ctx context.Context, client string, out *Erased) error {
	const logged = `SELECT count(*) FROM access_log WHERE tenant = @tenant AND client = @client`
	return inTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		keys, err := keysOf(ctx, tx, out.Tenant, client)
		if err != nil {
			return err
		}
		if out.Left, err = eachTrace(ctx, tx, `SELECT FROM `, out.Tenant, client, keys); err != nil {
			return err
		}
		return tx.QueryRow(ctx, logged, pgx.StrictNamedArgs{"tenant": out.Tenant, "client": client}).Scan(&out.Logged)
	})
}

// AwaitGrants shows nothing of any tenant until its portal has sent all grants
// again: a database that was restored from a backup knows some that were revoked
// since.
func (s *Store) AwaitGrants(ctx context.Context) error {
	const q = `UPDATE tenants SET awaiting_grants = now()`
	if _, err := s.pool.Exec(ctx, q); err != nil {
		return fmt.Errorf("wait for all grants: %w", err)
	}
	return nil
}

// EraseAgain carries out erasures once more, after the database was restored from a
// backup that may be older than they are. It returns how many dossiers there were.
func (s *Store) EraseAgain(ctx context.Context, since []Erasure) (erased int, err error) {
	const clients = `
		SELECT id FROM clients WHERE tenant = @tenant AND id > @after
		UNION SELECT client FROM grants WHERE tenant = @tenant AND client > @after
		UNION SELECT client FROM contacts WHERE tenant = @tenant AND client > @after
		UNION SELECT client FROM items WHERE tenant = @tenant AND client > @after
		UNION SELECT client FROM quarantine WHERE tenant = @tenant AND client > @after
		UNION SELECT client FROM backfills WHERE tenant = @tenant AND client > @after
		UNION SELECT client FROM cursors WHERE tenant = @tenant AND client > @after ORDER BY 1 LIMIT 1000`
	const note = `
		INSERT INTO erasures (tenant, client, at, by) SELECT @tenant, @client, @at, @by
		WHERE EXISTS (SELECT FROM tenants WHERE id = @tenant) ON CONFLICT DO NOTHING`
	byTenant := make(map[string]map[string]Erasure)
	for _, e := range since {
		if byTenant[e.Tenant] == nil {
			byTenant[e.Tenant] = make(map[string]Erasure)
		}
		byTenant[e.Tenant][string(e.Client)] = e
		_, err := s.pool.Exec(ctx, note, pgx.StrictNamedArgs{"tenant": e.Tenant, "client": e.Client, "at": e.At, "by": e.By})
		if err != nil {
			return 0, fmt.Errorf("note an erasure of %s again: %w", e.Tenant, err)
		}
	}
	for tenant, of := range byTenant {
		for after := ""; ; {
			rows, err := s.pool.Query(ctx, clients, pgx.StrictNamedArgs{"tenant": tenant, "after": after})
			if err != nil {
				return erased, fmt.Errorf("read the clients of %s: %w", tenant, err)
			}
			ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return erased, fmt.Errorf("read the clients of %s: %w", tenant, err)
			}
			if len(ids) == 0 {
				break
			}
			for _, id := range ids {
				after = id
				e, ok := of[string(ErasureDigest(tenant, id))]
				if !ok {
					continue
				}
				if _, err := s.Erase(ctx, tenant, id, e.By); err != nil {
					return erased, err
				}
				erased++
			}
		}
	}
	return erased, nil
}

// erasedSQL finds which of a batch's clients were erased.
const erasedSQL = `SELECT client FROM erasures WHERE tenant = @tenant AND client = ANY(@digests)`

// digests returns the clients by their digests, each once.
func digests(tenant string, clients []string) (map[string]string, [][]byte) {
	clients = slices.Compact(slices.Sorted(slices.Values(clients)))
	byDigest := make(map[string]string, len(clients))
	list := make([][]byte, 0, len(clients))
	for _, c := range clients {
		d := ErasureDigest(tenant, c)
		byDigest[string(d)] = c
		list = append(list, d)
	}
	return byDigest, list
}

// queueErased asks which of the batch's clients were erased.
func (a *application) queueErased(b *pgx.Batch, clients []string) {
	byDigest, list := digests(a.tenant(), clients)
	a.erased = make(map[string]bool)
	b.Queue(erasedSQL, pgx.StrictNamedArgs{"tenant": a.tenant(), "digests": list}).Query(func(rows pgx.Rows) error {
		var digest []byte
		_, err := pgx.ForEachRow(rows, []any{&digest}, func() error {
			a.erased[byDigest[string(digest)]] = true
			return nil
		})
		return err
	})
}

// withoutErased leaves out the items of clients who were erased.
func withoutErased(ctx context.Context, tx pgx.Tx, tenant string, items []Item) ([]Item, error) {
	var clients []string
	for i := range items {
		items[i].normalize()
		clients = append(clients, items[i].Client)
	}
	byDigest, list := digests(tenant, clients)
	rows, err := tx.Query(ctx, erasedSQL, pgx.StrictNamedArgs{"tenant": tenant, "digests": list})
	if err != nil {
		return nil, err
	}
	erased, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil || len(erased) == 0 {
		return items, err
	}
	gone := make(map[string]bool, len(erased))
	for _, digest := range erased {
		gone[byDigest[string(digest)]] = true
	}
	return slices.DeleteFunc(items, func(it Item) bool { return gone[it.Client] }), nil
}

// passOver keeps the i-th item from being stored, because its client was erased,
// and removes what is stored of it.
func (a *application) passOver(it *Item, key string, old *stored) {
	a.count(key, withReason(EffectHidden, HiddenErased))
	a.out.clear(key, &Item{})
	if it.Stream == StreamContacts { // it may have been another client's
		a.out.contacts = append(a.out.contacts, &Item{Ref: it.Ref, Stream: it.Stream, State: StateHidden})
	}
	if old == nil {
		return
	}
	a.out.replaced = append(a.out.replaced, key)
	if old.state == StateShown && old.client != "" {
		a.changed[old.client] = struct{}{}
	}
	switch {
	case it.Stream == StreamCarePlans, it.Stream == StreamGoals:
		a.out.inPlans = append(a.out.inPlans, key)
	case isTarget(it.Stream):
		a.out.targets = append(a.out.targets, key)
	}
}
