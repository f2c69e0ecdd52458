package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// seedTwo fills two tenants with equal dossiers.
func seedTwo(t *testing.T, r *storetest.Replica) {
	t.Helper()
	conn := connect(t, r.URL) // one session, for the temporary table
	for _, sql := range []string{
		`INSERT INTO tenants (id, name, timezone)
		VALUES ('amaris', 'Amaris', 'Europe/Amsterdam'), ('szr', 'SZR', 'Europe/Amsterdam')`,
		`CREATE TEMPORARY TABLE every_client AS
		SELECT t, c
		FROM unnest('{amaris,szr}'::text[]) t
		CROSS JOIN unnest('{1,2,3}'::text[]) c`,
		`INSERT INTO clients (tenant, id, state, name)
		SELECT t, c, 'shown', 'Naam van ' || t || c
		FROM every_client`,
		`INSERT INTO contacts (tenant, id, client, active)
		SELECT t, 'k' || c, c, true
		FROM every_client`,
		`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, part, epoch, version,
			hash, at, card, body)
		SELECT t, t || c || p || n, 'T', c || p || n, p, k, c, 'shown', p, 1, '1', '\x00',
		       now() - n * interval '1 day', '{}', '{}'
		FROM every_client
		CROSS JOIN generate_series(1, 5) n
		CROSS JOIN unnest('{reports,forms,care-plans,contacts}'::text[],
			'{report,form,care-plan,contact}'::text[]) x (p, k)`,
		`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, reason, part, epoch,
			version, hash)
		SELECT t, 'hidden' || t || c, 'T', 'hidden' || c, 'reports', 'report', c, 'hidden', 'marked',
		       'reports', 1, '1', '\x00'
		FROM every_client`,
		`INSERT INTO cursors (tenant, stream, type, as_of, fingerprint)
		SELECT t, s, 'T', now(), 'f'
		FROM unnest('{amaris,szr}'::text[]) t
		CROSS JOIN unnest('{clients,reports,forms,care-plans,goals,contacts}'::text[]) s`,
		`INSERT INTO unread (tenant, stream, type)
		VALUES ('amaris', 'forms', 'T'), ('szr', 'forms', 'T')`,
		`INSERT INTO backfills (tenant, client)
		SELECT t, c
		FROM every_client
		WHERE c <> '3'`,
		`INSERT INTO quarantine (tenant, key, stream, type, client, reason, detail)
		SELECT t, 'q' || t || c, 'reports', 'T', c, 'bad-body', ''
		FROM every_client`,
		`INSERT INTO held_clients (tenant, client, stream)
		SELECT t, c, 'reports'
		FROM every_client`,
		`INSERT INTO grants (tenant, client, user_id, role, parts, state, manager, updated_by)
		VALUES
			('amaris', '1', 'daughter', 'contact', '{reports}', 'accepted', false, 'x'),
			('amaris', '2', 'daughter', 'contact', '{reports,forms,care-plans}', 'invited', true, 'x'),
			('amaris', '3', 'manager', 'contact', '{}', 'accepted', true, 'x'),
			('szr', '1', 'son', 'contact', '{reports,forms,care-plans}', 'accepted', true, 'x')`,
		`INSERT INTO access_log (tenant, action, event, outcome, user_id, client, source)
		SELECT t, 'read', 'report', 'success', 'x', c, 'test'
		FROM every_client`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// asPortalRole runs f in a transaction of the portal's role.
func asPortalRole(t *testing.T, r *storetest.Replica, f func(tx pgx.Tx)) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.ReaderURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) // before the test ends: pgbouncer may have one connection only
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	f(tx)
}

// asAnswers runs f in a transaction of the role that the portal's functions run as, with the settings
// that these leave for a call of id about client.
func asAnswers(
	t *testing.T, r *storetest.Replica, id store.Identity, purpose, client string, f func(tx pgx.Tx),
) {
	t.Helper()
	conn := connect(t, r.URL)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `SET LOCAL ROLE dossiersync_answers`); err != nil {
		t.Fatal(err)
	}
	if id != (store.Identity{}) {
		const q = `SELECT portal_stand($1, $2, $3, $4, NULL, NULL, false)`
		if _, err := tx.Exec(t.Context(), q, purpose, id.Tenant, id.User, client); err != nil {
			t.Fatal(err)
		}
	}
	f(tx)
}

func TestOutageIsUnavailableAndRefusalIsNot(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	id := store.Identity{Tenant: "amaris", User: "daughter"}
	q := store.ListQuery{Kinds: []dossier.Kind{dossier.KindReport}, Limit: 1}
	if _, err := r.Pool().Exec(t.Context(), `REVOKE SELECT ON tenant_states FROM dossiersync_answers`); err != nil {
		t.Fatal(err)
	}
	_, err := r.Reader.List(t.Context(), id, "1", q)
	if err == nil || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error of a missing privilege is %v", err)
	}
	r.Reader.Close()
	if _, err := r.Reader.List(t.Context(), id, "1", q); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error of a closed connection is %v", err)
	}
}

func TestPortalRefusesOtherRoles(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	if reader, err := store.OpenPortal(t.Context(), r.URL, r.Keys); err == nil {
		reader.Close()
		t.Error("no error for the owner, for whom row-level security does not hold")
	}
	if reader, err := store.OpenPortal(t.Context(), r.ReaderURL+"&default_query_exec_mode=simple_protocol", r.Keys); err == nil {
		reader.Close()
		t.Error("no error for the simple protocol, which shows proofs to other sessions")
	}
	if _, err := r.Pool().Exec(t.Context(), `GRANT SELECT (key) ON items TO storetest_reader`); err != nil {
		t.Fatal(err)
	}
	if reader, err := store.OpenPortal(t.Context(), r.ReaderURL, r.Keys); err == nil {
		reader.Close()
		t.Error("no error for a role that can read a table")
	}
}

// A list of all grants may come slowly: the transaction that stores it may be idle for longer than
// those of other calls.
func TestListMayComeSlowly(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	p, err := store.OpenPortal(t.Context(), r.ReaderURL+"&idle_in_transaction_session_timeout=200", r.Keys)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	slow := store.GrantList{
		Next: func() (*store.Grant, error) {
			time.Sleep(time.Second)
			return nil, nil
		},
		End: func() store.ListEnd { return store.ListEnd{AsOf: time.Now(), Confirmed: 10} },
	}
	if _, err := p.PutGrants(t.Context(), daughter, slow, "manager", store.AccessEvent{Event: "grants"}); err != nil {
		t.Error(err)
	}
}
