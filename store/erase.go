package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Erasure is the record of the permanent erasure of a client's dossier.
type Erasure struct {
	Tenant string    `json:"tenant"`
	Client []byte    `json:"client"`        // see [ErasureKey.Digest]
	Key    string    `json:"key,omitempty"` // the key's id; empty: the digest was made without a key
	At     time.Time `json:"at"`
	By     string    `json:"by"` // an operator's name
}

// Erased is the report of an erasure.
type Erased struct {
	Erasure
	Removed []TableCount `json:"removed"` // rows, by table
	// Cleared counts the rows that named the client, and were changed, by table and column.
	Cleared []TableCount `json:"cleared"`
	// Left counts the rows of the client that a search after the erasure finds, by table. It must be
	// empty.
	Left []TableCount `json:"left"`
	// Nameless counts the tenant's items in quarantine whose client could not be read. They stay, and
	// may be of this client.
	Nameless int64 `json:"nameless"`
	// Logged counts the entries of the access log that name the client. They stay, because the law
	// (NEN 7513) requires it.
	Logged int64 `json:"logged"`
}

// TableCount is a number of rows in a table.
type TableCount struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// traces lists the tables that may hold rows of a client, with the condition that finds these rows;
// @keys are the keys of the client's items.
var traces = []struct{ table, where string }{
	{"refs", `tenant = @tenant AND (key = ANY(@keys) OR target = ANY(@keys))`},
	{"stale", `tenant = @tenant AND key = ANY(@keys)`},
	{"left_out", `tenant = @tenant AND key = ANY(@keys)`},
	{"rereads", `tenant = @tenant AND key = ANY(@keys)`},
	{"replacements", `tenant = @tenant AND (key = ANY(@keys) OR target = ANY(@keys))`},
	{"absences", `tenant = @tenant AND key = ANY(@keys)`},
	{"census", `
		run IN (SELECT id FROM runs WHERE tenant = @tenant)
		AND (key = ANY(@keys) OR client = @client)`},
	{"seen", `key = ANY(@keys)`},
	{"quarantine", `tenant = @tenant AND (client = @client OR key = ANY(@keys))`},
	// object ends with a key. Keys may hold _, a wildcard of LIKE.
	{"decisions", `
		tenant = @tenant
		AND EXISTS (SELECT FROM unnest(@keys::text[]) k WHERE right(object, length(k)) = k)`},
	{"withheld", `tenant = @tenant AND (client = @client OR item = ANY(@keys))`},
	{"withheld_within", `tenant = @tenant AND (key = ANY(@keys) OR item = ANY(@keys))`},
	{"inferred", `tenant = @tenant AND client = @client`},
	{"held_clients", `tenant = @tenant AND client = @client`},
	{"cursors", `tenant = @tenant AND client = @client`},
	{"backfills", `tenant = @tenant AND client = @client`},
	{"contacts", `tenant = @tenant AND client = @client`},
	{"grants", `tenant = @tenant AND client = @client`},
	{"items", `tenant = @tenant AND (client = @client OR key = ANY(@keys))`},
	{"clients", `tenant = @tenant AND id = @client`},
}

// Erase removes all rows of a client except the entries of the access log, keeps them from being stored
// again, and searches for rows that are left. It waits for the transactions that are writing rows of
// the tenant. An unknown client is erased too: no row of it will be stored.
func (s *Store) Erase(ctx context.Context, tenant, client, by string) (Erased, error) {
	keys, err := s.ErasureKeys(ctx)
	if err != nil {
		return Erased{}, err
	}
	out := Erased{Erasure: Erasure{
		Tenant: tenant, Client: keys[0].Digest(tenant, client), Key: keys[0].ID(), By: by,
	}}
	// A transaction of its own: every batch that begins after it leaves the client out, and
	// beginErasure waits for a batch that began before.
	if err := inTx(ctx, s.pool, func(tx pgx.Tx) error { return noteErasure(ctx, tx, &out.Erasure) }); err != nil {
		return Erased{}, fmt.Errorf("store an erasure of %s: %w", tenant, err)
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
		return logWithin(ctx, tx, "operator", AccessEvent{
			Tenant: tenant, Action: "delete", Event: "erasure", Outcome: "success",
			User: by, Client: client,
		})
	})
	if err != nil {
		return Erased{}, fmt.Errorf("erase a dossier of %s: %w", tenant, err)
	}
	if err := s.lookForTraces(ctx, client, &out); err != nil {
		return Erased{}, fmt.Errorf("search for rows left of a dossier of %s: %w", tenant, err)
	}
	return out, nil
}

// noteErasure stores the erasure.
func noteErasure(ctx context.Context, tx pgx.Tx, e *Erasure) error {
	const q = `
		INSERT INTO erasures (tenant, client, by)
		VALUES (@tenant, @digest, @by)
		-- DO NOTHING would return no row.
		ON CONFLICT (tenant, client) DO UPDATE SET at = erasures.at
		RETURNING at`
	args := pgx.StrictNamedArgs{"tenant": e.Tenant, "digest": e.Client, "by": e.By}
	return tx.QueryRow(ctx, q, args).Scan(&e.At)
}

// beginErasure waits for the batch that is being applied and for grants that are being stored, and
// clears the client's id in rows that stay.
func beginErasure(ctx context.Context, tx pgx.Tx, client string, out *Erased) error {
	const hold = `
		SELECT
		FROM runs
		WHERE tenant = @tenant
		  AND state = 'running'
		FOR UPDATE`
	// Trigger keep_out_erased holds this lock, shared, for each grant that is stored.
	const granting = `
		SELECT pg_advisory_xact_lock(hashtextextended('dossiersync grants of ' || @tenant, 0))`
	for _, q := range []string{hold, granting} {
		if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": out.Tenant}); err != nil {
			return err
		}
	}
	for _, c := range []struct{ column, sql string }{
		// Runs that an operator requested for this client. The id keeps runs_waiting unique.
		{"runs.scope", `
			UPDATE runs
			SET scope = scope || jsonb_build_object('client', 'erased ' || id)
			WHERE tenant = @tenant
			  AND scope->>'client' = @client`},
		// Clients that were merged into this one.
		{"clients.replaced_by", `
			UPDATE clients
			SET replaced_by = NULL
			WHERE tenant = @tenant
			  AND replaced_by = @client`},
	} {
		tag, err := tx.Exec(ctx, c.sql, pgx.StrictNamedArgs{"tenant": out.Tenant, "client": client})
		if err != nil {
			return err
		}
		if n := tag.RowsAffected(); n > 0 {
			out.Cleared = append(out.Cleared, TableCount{c.column, n})
		}
	}
	return nil
}

// keysOf returns the keys of the client's items and of the client itself.
func keysOf(ctx context.Context, tx pgx.Tx, tenant, client string) ([]string, error) {
	const q = `
		SELECT key
		FROM items
		WHERE tenant = @tenant
		  AND client = @client
		UNION
		SELECT key
		FROM quarantine
		WHERE tenant = @tenant
		  AND client = @client`
	rows, err := tx.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "client": client})
	if err != nil {
		return nil, err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return append(keys, dossier.Key(tenant, dossier.ClientRef(client))), err
}

// eachTrace runs a statement, such as "DELETE FROM ", on the client's rows in each table and counts
// these rows.
func eachTrace(
	ctx context.Context, tx pgx.Tx, statement, tenant, client string, keys []string,
) ([]TableCount, error) {
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

// lookForTraces counts the rows that are left of the client, and those that stay by intention.
func (s *Store) lookForTraces(ctx context.Context, client string, out *Erased) error {
	const kept = `
		SELECT (
			SELECT count(*)
			FROM access_log
			WHERE tenant = @tenant
			  AND client = @client), (` + countNameless + `)`
	return inTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		keys, err := keysOf(ctx, tx, out.Tenant, client)
		if err != nil {
			return err
		}
		if out.Left, err = eachTrace(ctx, tx, `SELECT FROM `, out.Tenant, client, keys); err != nil {
			return err
		}
		args := pgx.StrictNamedArgs{"tenant": out.Tenant, "client": client}
		return tx.QueryRow(ctx, kept, args).Scan(&out.Logged, &out.Nameless)
	})
}

// erasedSQL finds which of a batch's clients were erased.
const erasedSQL = `SELECT erased_among(@tenant, @clients)`

// passOver keeps an item of an erased client from being stored, and removes what is stored of it.
func (a *application) passOver(it *dossier.Item, key string, old *stored) {
	a.count(key, withReason(EffectHidden, dossier.HiddenErased))
	a.out.clear(key, &dossier.Item{})
	if it.Stream == dossier.StreamContacts { // it may have been a contact of another client
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
