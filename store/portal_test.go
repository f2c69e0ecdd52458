package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// seedTwo fills two tenants with equal dossiers.
func seedTwo(t *testing.T, r *storetest.Replica) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO tenants (id, name, timezone) VALUES ('amaris', 'Amaris', 'Europe/Amsterdam'), ('szr', 'SZR', 'Europe/Amsterdam')`,
		`INSERT INTO clients (tenant, id, state, name) SELECT t, c, 'shown', 'Naam van ' || t || c
			FROM unnest('{amaris,szr}'::text[]) t, unnest('{1,2,3}'::text[]) c`,
		`INSERT INTO contacts (tenant, id, client, active) SELECT t, 'k' || c, c, true
			FROM unnest('{amaris,szr}'::text[]) t, unnest('{1,2,3}'::text[]) c`,
		`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, part, epoch, version, hash, at, card, body)
			SELECT t, t || c || p || n, 'T', c || p || n, p, k, c, 'shown', p, 1, '1', '\x00', now() - n * interval '1 day', '{}', '{}'
			FROM unnest('{amaris,szr}'::text[]) t, unnest('{1,2,3}'::text[]) c, generate_series(1, 5) n,
				unnest('{reports,forms,care-plans,contacts}'::text[], '{report,form,care-plan,contact}'::text[]) x (p, k)`,
		`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, reason, part, epoch, version, hash)
			SELECT t, 'hidden' || t || c, 'T', 'hidden' || c, 'reports', 'report', c, 'hidden', 'marked', 'reports', 1, '1', '\x00'
			FROM unnest('{amaris,szr}'::text[]) t, unnest('{1,2,3}'::text[]) c`,
		`INSERT INTO cursors (tenant, stream, type, as_of, fingerprint) SELECT t, s, 'T', now(), 'f'
			FROM unnest('{amaris,szr}'::text[]) t, unnest('{clients,reports,forms,care-plans,goals,contacts}'::text[]) s`,
		`INSERT INTO unread (tenant, stream, type) VALUES ('amaris', 'forms', 'T'), ('szr', 'forms', 'T')`,
		`INSERT INTO backfills (tenant, client) SELECT t, c FROM unnest('{amaris,szr}'::text[]) t, unnest('{1,2}'::text[]) c`,
		`INSERT INTO quarantine (tenant, key, stream, type, client, reason, detail) SELECT t, 'q' || t || c, 'reports', 'T', c, 'bad-body', ''
			FROM unnest('{amaris,szr}'::text[]) t, unnest('{1,2,3}'::text[]) c`,
		`INSERT INTO grants (tenant, client, user_id, role, parts, state, manager, updated_by) VALUES
			('amaris', '1', 'daughter', 'contact', '{reports}', 'accepted', false, 'x'),
			('amaris', '2', 'daughter', 'contact', '{reports,forms,care-plans}', 'invited', true, 'x'),
			('amaris', '3', 'manager', 'contact', '{}', 'accepted', true, 'x'),
			('szr', '1', 'son', 'contact', '{reports,forms,care-plans}', 'accepted', true, 'x')`,
		`INSERT INTO access_log (tenant, action, event, outcome, user_id, client, source) SELECT t, 'read', 'report', 'success', 'x', c, 'test'
			FROM unnest('{amaris,szr}'::text[]) t, unnest('{1,2,3}'::text[]) c`,
	} {
		if _, err := r.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// asPortalRole runs f in a transaction that begins like a read of the portal API, unless id is zero.
func asPortalRole(t *testing.T, r *storetest.Replica, id store.Identity, f func(tx pgx.Tx)) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.ReaderURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if id != (store.Identity{}) {
		if _, err := tx.Exec(t.Context(), store.Identify, store.IdentityArgs(id)); err != nil {
			t.Fatal(err)
		}
	}
	f(tx)
}

// I8: a forgotten WHERE shows nothing of other users. The portal's role selects all rows and columns it
// can from every table and view.
func TestPortalRoleSeesOnlyRowsOfItsUser(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	wantRowsOfUsers(t, r)
}

// wantRowsOfUsers checks how many rows some users see of each table.
func wantRowsOfUsers(t *testing.T, r *storetest.Replica) {
	t.Helper()
	// Rows by table. A table that is missing must not be readable at all. Counts are enough, because
	// all dossiers are equal.
	type counts map[string]int
	tests := []struct {
		name string
		id   store.Identity
		want counts
	}{
		{"daughter", store.Identity{Tenant: "amaris", User: "daughter"}, counts{
			"tenants": 1, "items": 5, "cursors": 6, "unread": 1, "backfills": 1, "quarantine": 1,
			"grants": 2, "access_log": 0}},
		{"manager", store.Identity{Tenant: "amaris", User: "manager"}, counts{
			"tenants": 1, "items": 5, "cursors": 6, "unread": 1, "backfills": 0, "quarantine": 1,
			"grants": 1, "access_log": 1}},
		{"son", store.Identity{Tenant: "szr", User: "son"}, counts{
			"tenants": 1, "items": 20, "cursors": 6, "unread": 1, "backfills": 1, "quarantine": 1,
			"grants": 1, "access_log": 1}},
		{"son elsewhere", store.Identity{Tenant: "amaris", User: "son"}, counts{
			"tenants": 1, "items": 0, "cursors": 6, "unread": 1, "backfills": 0, "quarantine": 0,
			"grants": 0, "access_log": 0}},
		{"no identity", store.Identity{}, counts{
			"tenants": 0, "items": 0, "cursors": 0, "unread": 0, "backfills": 0, "quarantine": 0,
			"grants": 0, "access_log": 0}},
	}
	for _, tt := range tests {
		asPortalRole(t, r, tt.id, func(tx pgx.Tx) {
			got := counts{}
			for table, columns := range selectable(t, tx) {
				var n int
				sql := fmt.Sprintf(`SELECT count(*) FROM (SELECT %s FROM %s) x`, strings.Join(columns, ", "), table)
				if err := tx.QueryRow(t.Context(), sql).Scan(&n); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
				got[table] = n
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		})
	}
}

// selectable returns the columns that the current role may select, by table.
func selectable(t *testing.T, tx pgx.Tx) map[string][]string {
	t.Helper()
	rows, err := tx.Query(t.Context(), `
		SELECT c.relname, array_agg(quote_ident(a.attname) ORDER BY a.attnum)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		  AND has_column_privilege(c.oid, a.attnum, 'SELECT')
		GROUP BY c.relname`)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]string)
	var table string
	var columns []string
	if _, err := pgx.ForEachRow(rows, []any{&table, &columns}, func() error {
		out[table] = slices.Clone(columns)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPortalRoleWritesOnlyToLog(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	for _, sql := range []string{
		`UPDATE items SET card = '{}'`, `DELETE FROM items`, `INSERT INTO clients (tenant, id, state) VALUES ('amaris', '9', 'shown')`,
		`UPDATE access_log SET user_id = 'y'`, `DELETE FROM access_log`, `TRUNCATE access_log`, `DELETE FROM grants`,
		`SELECT id FROM items`, `SELECT model FROM items`, `SELECT * FROM runs`, `SELECT * FROM access_log_rest`, `SELECT reason FROM quarantine`,
		`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by) VALUES ('amaris', '9', 'daughter', 'contact', '{}', 'accepted', 'x')`,
		`INSERT INTO tenants (id, name, timezone) VALUES ('x', 'x', 'UTC')`, `CREATE TABLE mine (x int)`, `SET ROLE dossiersync`,
	} {
		asPortalRole(t, r, store.Identity{Tenant: "amaris", User: "daughter"}, func(tx pgx.Tx) {
			if _, err := tx.Exec(t.Context(), sql); err == nil {
				t.Errorf("the portal's role may %s", sql)
			}
		})
	}
	asPortalRole(t, r, store.Identity{Tenant: "amaris", User: "daughter"}, func(tx pgx.Tx) {
		tag, err := tx.Exec(t.Context(), `UPDATE grants SET state = 'accepted', parts = '{reports,forms,care-plans}'`)
		if err != nil || tag.RowsAffected() != 0 {
			t.Errorf("%d grants can be changed without the portal's scope, %v", tag.RowsAffected(), err)
		}
	})
}

// A page is read along items_by_client, in both directions, by a generic plan: row-level security keeps
// no condition out of the index, and only the page itself is sorted.
func TestListIsReadAlongIndex(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	for _, sql := range []string{
		`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, part, epoch, version, hash, at, category, card, body)
			SELECT 'amaris', 'many' || n, 'T', 'many' || n, 'reports', 'report', (n % 20)::text, 'shown', 'reports', 1, '1', '\x00',
				now() - n * interval '1 hour', 'general', '{}', '{}' FROM generate_series(1, 20000) n`,
		`ANALYZE`,
	} {
		if _, err := r.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	open := true
	start := store.Position{At: time.Now().AddDate(0, -1, 0), Key: "k"}
	queries := map[string]store.ListQuery{
		"time line":           {Kinds: []dossier.Kind{"report", "form"}},
		"time line, older":    {Kinds: []dossier.Kind{"report", "form"}, Start: start},
		"time line, newer":    {Kinds: []dossier.Kind{"report", "form"}, Start: start, Newer: true},
		"reports":             {Kinds: []dossier.Kind{"report"}, Category: "general", Bodies: true},
		"reports, newer":      {Kinds: []dossier.Kind{"report"}, Start: start, Newer: true, Bodies: true},
		"reports of a period": {Kinds: []dossier.Kind{"report"}, From: time.Now().AddDate(0, -2, 0), To: time.Now().AddDate(0, -1, 0)},
		"plans":               {Kinds: []dossier.Kind{"care-plan"}, Open: &open},
	}
	id := store.Identity{Tenant: "amaris", User: "daughter"}
	for name, q := range queries {
		asPortalRole(t, r, id, func(tx pgx.Tx) {
			q.Limit = 20
			sql, args := q.Statement(id, "1")
			checkPlan(t, name, explain(t, tx, sql, args), len(q.Kinds))
		})
	}
}

// I8: a read of a foreign client takes as long as one of a client who does not exist, because no row of
// items is read.
func TestForeignClientReadsNoRow(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	for _, sql := range []string{
		`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, part, epoch, version, hash, at, category, card, body)
			SELECT 'amaris', 'many' || n, 'T', 'many' || n, 'reports', 'report', 'foreign', 'shown', 'reports', 1, '1', '\x00',
				now() - n * interval '1 hour', 'general', '{}', '{}' FROM generate_series(1, 2000) n`,
		`INSERT INTO clients (tenant, id, state, name) VALUES ('amaris', 'foreign', 'shown', 'Iemand')`,
		`ANALYZE`,
	} {
		if _, err := r.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	id := store.Identity{Tenant: "amaris", User: "daughter"}
	for _, client := range []string{"foreign", "unknown"} {
		asPortalRole(t, r, id, func(tx pgx.Tx) {
			q := store.ListQuery{Kinds: []dossier.Kind{"report", "form"}, Limit: 20}
			sql, args := q.Statement(id, client)
			if n := explain(t, tx, sql, args).touched("items"); n != 0 {
				t.Errorf("%s: %v rows of items are read", client, n)
			}
		})
	}
}

// explain runs the statement by a generic plan, and returns the plan.
func explain(t *testing.T, tx pgx.Tx, sql string, args pgx.StrictNamedArgs) plan {
	t.Helper()
	rewritten, values, err := args.RewriteQuery(t.Context(), nil, sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `PREPARE page AS `+rewritten); err != nil {
		t.Fatal(err)
	}
	literals := make([]string, len(values))
	for i, v := range values {
		literals[i] = literal(v)
	}
	var text []byte
	if err := tx.QueryRow(t.Context(), `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page (`+strings.Join(literals, ", ")+`)`,
		pgx.QueryExecModeSimpleProtocol).Scan(&text); err != nil {
		t.Fatal(err)
	}
	var out []struct{ Plan plan }
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out[0].Plan
}

func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case *bool:
		if v == nil {
			return "NULL"
		}
		return fmt.Sprint(*v)
	case int:
		return fmt.Sprint(v)
	case time.Time:
		return "'" + v.UTC().Format("2006-01-02T15:04:05.999999Z07:00") + "'"
	}
	return "'" + fmt.Sprint(v) + "'"
}

type plan struct {
	NodeType  string  `json:"Node Type"`
	Relation  string  `json:"Relation Name"`
	Index     string  `json:"Index Name"`
	IndexCond string  `json:"Index Cond"`
	Rows      float64 `json:"Actual Rows"`
	Removed   float64 `json:"Rows Removed by Filter"`
	Loops     float64 `json:"Actual Loops"`
	Plans     []plan
}

// touched counts the rows of relation that the plan has read.
func (p plan) touched(relation string) float64 {
	var n float64
	if p.Relation == relation {
		n = (p.Rows + p.Removed) * p.Loops
	}
	for _, inner := range p.Plans {
		n += inner.touched(relation)
	}
	return n
}

var keyset = regexp.MustCompile(`\(at >= .*\(at < .*ROW\(at, key\) [<>] ROW`)

func checkPlan(t *testing.T, name string, p plan, kinds int) {
	t.Helper()
	scans := 0
	var walk func(p plan)
	walk = func(p plan) {
		switch {
		case p.Relation == "items" && p.NodeType == "Index Scan" && p.Index == "items_by_client":
			scans++
			if !keyset.MatchString(p.IndexCond) {
				t.Errorf("%s: the index condition is only %s", name, p.IndexCond)
			}
			if p.Rows > 21 {
				t.Errorf("%s: the scan reads %v rows", name, p.Rows)
			}
		case p.Relation == "items" && p.Index != "items_pkey":
			t.Errorf("%s: a %s on items, by %q", name, p.NodeType, p.Index)
		case strings.Contains(p.NodeType, "Sort") && p.Rows > 21*float64(kinds):
			t.Errorf("%s: %v rows are sorted", name, p.Rows)
		}
		for _, inner := range p.Plans {
			walk(inner)
		}
	}
	walk(p)
	if scans != kinds {
		t.Errorf("%s: %d scans along the index, want %d", name, scans, kinds)
	}
}

func TestOutageIsUnavailableAndRefusalIsNot(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	id := store.Identity{Tenant: "amaris", User: "daughter"}
	q := store.ListQuery{Kinds: []dossier.Kind{dossier.KindReport}, Limit: 1}
	if _, err := r.Pool().Exec(t.Context(), `REVOKE SELECT ON cursors FROM dossiersync_reader`); err != nil {
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

func TestPortalRefusesOwnerRole(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	reader, err := store.OpenPortal(t.Context(), r.URL)
	if err == nil {
		reader.Close()
		t.Fatal("no error for the owner, for whom row-level security does not hold")
	}
}

func TestPortalRefusesRoleWithoutTemporaryTables(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	if _, err := r.Pool().Exec(t.Context(), `
		DO $$ BEGIN
			EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
			EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM storetest_reader', current_database());
		END $$`); err != nil {
		t.Fatal(err)
	}
	reader, err := store.OpenPortal(t.Context(), r.ReaderURL)
	if err == nil {
		reader.Close()
		t.Fatal("no error")
	}
	if !strings.Contains(err.Error(), "GRANT TEMPORARY ON DATABASE") {
		t.Errorf("error is %v, want one that names the GRANT", err)
	}
}
