package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Erasure is the record that a client's dossier was erased for good.
type Erasure struct {
	Tenant string    `json:"tenant"`
	Client []byte    `json:"client"`        // see [ErasureKey.Digest]
	Key    string    `json:"key,omitempty"` // the key's id; empty: the digest is of a version that had no keys
	At     time.Time `json:"at"`
	By     string    `json:"by"` // an operator's name
}

// Erased says what an erasure came to.
type Erased struct {
	Erasure
	Removed []TableCount `json:"removed"` // rows, by table
	// Cleared is how many rows of others named the client, by table and column;
	// they do no longer.
	Cleared []TableCount `json:"cleared"`
	// Left is what was found of the client after the erasure, by table: nothing.
	Left []TableCount `json:"left"`
	// Nameless is how many of the tenant's items in quarantine do not say whose
	// they are: they stay, and may be of this client.
	Nameless int64 `json:"nameless"`
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
	{"decisions", `tenant = @tenant AND EXISTS (SELECT FROM unnest(@keys::text[]) k WHERE right(object, length(k)) = k)`},
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
	keys, err := s.ErasureKeys(ctx)
	if err != nil {
		return Erased{}, err
	}
	out := Erased{Erasure: Erasure{Tenant: tenant, Client: keys[0].Digest(tenant, client), Key: keys[0].ID(), By: by}}
	// First, and by itself: what is applied from now on goes by it, and what does
	// not yet is waited for.
	if err := inTx(ctx, s.pool, func(tx pgx.Tx) error { return noteErasure(ctx, tx, &out.Erasure) }); err != nil {
		return Erased{}, fmt.Errorf("note an erasure of %s: %w", tenant, err)
	}
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := beginErasure(ctx, tx, client, &out); err != nil {
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

// beginErasure waits for what is being applied and granted, and removes what other
// rows say of the client.
func beginErasure(ctx context.Context, tx pgx.Tx, client string, out *Erased) error {
	const hold = `SELECT FROM runs WHERE tenant = @tenant AND state = 'running' FOR UPDATE`
	// See keep_out_erased.
	const granting = `SELECT pg_advisory_xact_lock(hashtextextended('dossiersync grants of ' || @tenant, 0))`
	for _, q := range []string{hold, granting} {
		if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": out.Tenant}); err != nil {
			return err
		}
	}
	for _, c := range []struct{ what, sql string }{
		// An operator may have asked for a run of this client.
		{"runs.scope", `
			UPDATE runs SET scope = scope || jsonb_build_object('client', 'erased ' || id)
			WHERE tenant = @tenant AND scope->>'client' = @client`},
		// Others may have been merged into this one.
		{"clients.replaced_by", `UPDATE clients SET replaced_by = NULL WHERE tenant = @tenant AND replaced_by = @client`},
	} {
		tag, err := tx.Exec(ctx, c.sql, pgx.StrictNamedArgs{"tenant": out.Tenant, "client": client})
		if err != nil {
			return err
		}
		if n := tag.RowsAffected(); n > 0 {
			out.Cleared = append(out.Cleared, TableCount{c.what, n})
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
	return append(keys, dossier.Key(tenant, dossier.ClientRef(client))), err
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
	const kept = `
		SELECT (SELECT count(*) FROM access_log WHERE tenant = @tenant AND client = @client),
			(SELECT count(*) FROM quarantine WHERE tenant = @tenant AND client IS NULL AND stream NOT IN ('staff', 'questionnaires'))`
	return inTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		keys, err := keysOf(ctx, tx, out.Tenant, client)
		if err != nil {
			return err
		}
		if out.Left, err = eachTrace(ctx, tx, `SELECT FROM `, out.Tenant, client, keys); err != nil {
			return err
		}
		return tx.QueryRow(ctx, kept, pgx.StrictNamedArgs{"tenant": out.Tenant, "client": client}).Scan(&out.Logged, &out.Nameless)
	})
}

// erasedSQL finds which of a batch's clients were erased.
const erasedSQL = `SELECT erased_among(@tenant, @clients)`

// withoutErased leaves out the items of clients who were erased.
func withoutErased(ctx context.Context, tx pgx.Tx, tenant string, items []dossier.Item) ([]dossier.Item, error) {
	clients := make([]string, 0, len(items))
	for i := range items {
		normalize(&items[i])
		clients = append(clients, items[i].Client)
	}
	slices.Sort(clients)
	rows, err := tx.Query(ctx, erasedSQL, pgx.StrictNamedArgs{"tenant": tenant, "clients": slices.Compact(clients)})
	if err != nil {
		return nil, err
	}
	erased, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(erased) == 0 {
		return items, err
	}
	return slices.DeleteFunc(items, func(it dossier.Item) bool { return slices.Contains(erased, it.Client) }), nil
}

// passOver keeps the i-th item from being stored, because its client was erased,
// and removes what is stored of it.
func (a *application) passOver(it *dossier.Item, key string, old *stored) {
	a.count(key, withReason(EffectHidden, dossier.HiddenErased))
	a.out.clear(key, &dossier.Item{})
	if it.Stream == dossier.StreamContacts { // it may have been another client's
		a.out.contacts = append(a.out.contacts, &dossier.Item{Ref: it.Ref, Stream: it.Stream, State: dossier.StateHidden})
	}
	if old == nil {
		return
	}
	a.out.replaced = append(a.out.replaced, key)
	if old.state == dossier.StateShown && old.client != "" {
		a.changed[old.client] = struct{}{}
	}
	switch {
	case it.Stream == dossier.StreamCarePlans, it.Stream == dossier.StreamGoals:
		a.out.inPlans = append(a.out.inPlans, key)
	case isTarget(it.Stream):
		a.out.targets = append(a.out.targets, key)
	}
}
