package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

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
			"held_clients": 1, "grants": 2, "access_log": 0}},
		{"manager", store.Identity{Tenant: "amaris", User: "manager"}, counts{
			"tenants": 1, "items": 5, "cursors": 6, "unread": 1, "backfills": 0, "quarantine": 1,
			"held_clients": 1, "grants": 1, "access_log": 1}},
		{"son", store.Identity{Tenant: "szr", User: "son"}, counts{
			"tenants": 1, "items": 20, "cursors": 6, "unread": 1, "backfills": 1, "quarantine": 1,
			"held_clients": 1, "grants": 1, "access_log": 1}},
		{"son elsewhere", store.Identity{Tenant: "amaris", User: "son"}, counts{
			"tenants": 1, "items": 0, "cursors": 6, "unread": 1, "backfills": 0, "quarantine": 0,
			"held_clients": 0, "grants": 0, "access_log": 0}},
		{"no identity", store.Identity{}, counts{
			"tenants": 0, "items": 0, "cursors": 0, "unread": 0, "backfills": 0, "quarantine": 0,
			"held_clients": 0, "grants": 0, "access_log": 0}},
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
		FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace
		  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
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
		`UPDATE items SET card = '{}'`,
		`DELETE FROM items`,
		`INSERT INTO clients (tenant, id, state) VALUES ('amaris', '9', 'shown')`,
		`UPDATE access_log SET user_id = 'y'`,
		`DELETE FROM access_log`,
		`TRUNCATE access_log`,
		`DELETE FROM grants`,
		`SELECT id FROM items`,
		`SELECT model FROM items`,
		`SELECT * FROM runs`,
		`SELECT * FROM access_log_rest`,
		`SELECT reason FROM quarantine`,
		`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
			VALUES ('amaris', '9', 'daughter', 'contact', '{}', 'accepted', 'x')`,
		`INSERT INTO tenants (id, name, timezone) VALUES ('x', 'x', 'UTC')`,
		`CREATE TABLE mine (x int)`,
		`SET ROLE dossiersync`,
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

// I8: every table has row-level security. The catalogs are asked, so that no new table can be forgotten.
func TestEveryTableHasRowLevelSecurity(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	maintain(t, r) // makes partitions of the log
	conn := connect(t, r.URL)
	all := func(q string) []string { return texts(t, conn, q) }
	// relations has the relations of schema public, and whether they are ours and whether the
	// portal's role has any right to them.
	const relations = `
		WITH relations AS (
			SELECT c.*,
			       c.relname NOT LIKE 'river%'
			           AND c.relname <> 'dossiersync_schema_version' AS ours,
			       CASE WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN
			           has_table_privilege('dossiersync_reader', c.oid,
			               'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
			           OR has_any_column_privilege('dossiersync_reader', c.oid,
			               'SELECT, INSERT, UPDATE, REFERENCES')
			       END AS portals
			FROM pg_class c
			WHERE c.relnamespace = 'public'::regnamespace)
		SELECT relname
		FROM relations
		WHERE `
	for what, q := range map[string]string{
		"table without row-level security": relations + `
			relkind IN ('r', 'p') AND ours AND NOT relrowsecurity`,
		"table of River or tern that the portal's role has a right to": relations + `
			NOT ours AND portals`,
		"sequence that the portal's role has a right to": relations + `
			CASE WHEN relkind = 'S' THEN
				has_sequence_privilege('dossiersync_reader', oid, 'USAGE, SELECT, UPDATE')
			END`,
		"view with the rights of its owner": relations + `
			relkind = 'v' AND ours
			AND NOT coalesce(reloptions @> '{security_invoker=true}', false)`,
		"materialized view, for which there are no policies": relations + `
			relkind = 'm' AND ours`,
		"table that the portal's role has a right to, without a policy": relations + `
			relkind IN ('r', 'p') AND ours AND portals
			AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = relations.oid)`,
		"table from which the portal's role may remove rows": relations + `
			relkind IN ('r', 'p', 'v')
			AND has_table_privilege('dossiersync_reader', oid,
				'DELETE, TRUNCATE, TRIGGER, REFERENCES')`,
		"policy that is not for the portal's role alone": `
			SELECT tablename
			FROM pg_policies
			WHERE schemaname = 'public'
			  AND roles <> '{dossiersync_reader}'`,
		"policy that does not compare the tenant": `
			SELECT tablename || ': ' || policyname
			FROM pg_policies
			WHERE schemaname = 'public'
			  AND coalesce(qual, with_check) NOT LIKE '%current_setting(''dossiersync.tenant''%'
			  AND policyname <> 'append'`,
	} {
		for _, name := range all(q) {
			t.Errorf("a %s: %s", what, name)
		}
	}
	got := all(`
		SELECT p.proname
		FROM pg_proc p
		WHERE p.prosecdef
		  AND p.pronamespace = 'public'::regnamespace
		  AND has_function_privilege('dossiersync_reader', p.oid, 'EXECUTE')
		ORDER BY 1`)
	if diff := cmp.Diff([]string{"grants_received", "identify", "note_portal", "schema_version"}, got); diff != "" {
		t.Errorf("functions that run with the owner's rights (-want +got):\n%s", diff)
	}
	got = all(`
		SELECT c.relname || ' ' || x
		FROM pg_class c
		CROSS JOIN unnest('{INSERT,UPDATE}'::text[]) x
		WHERE c.relnamespace = 'public'::regnamespace
		  AND c.relkind IN ('r', 'p', 'v')
		  AND has_any_column_privilege('dossiersync_reader', c.oid, x)
		ORDER BY 1`)
	if diff := cmp.Diff([]string{"access_log INSERT", "grants INSERT", "grants UPDATE"}, got); diff != "" {
		t.Errorf("writes to (-want +got):\n%s", diff)
	}
}

// The scope dossier:grants opens the grants of the portal's own tenant only.
func TestPortalWritesGrantsOfItsOwnTenantOnly(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	portal := func(tx pgx.Tx) {
		args := store.IdentityArgs(store.Identity{Tenant: "amaris", User: "portal"})
		args["scope"] = "dossier:grants"
		if _, err := tx.Exec(t.Context(), store.Identify, args); err != nil {
			t.Fatal(err)
		}
	}
	asPortalRole(t, r, store.Identity{}, func(tx pgx.Tx) {
		portal(tx)
		var tenants string
		err := tx.QueryRow(t.Context(), `SELECT string_agg(DISTINCT tenant, ',') FROM grants`).Scan(&tenants)
		if err != nil || tenants != "amaris" {
			t.Errorf("it sees grants of %s, %v", tenants, err)
		}
		tag, err := tx.Exec(t.Context(), `UPDATE grants SET state = 'revoked'`)
		if err != nil || tag.RowsAffected() != 3 {
			t.Errorf("it changes %d grants, %v", tag.RowsAffected(), err)
		}
	})
	for _, sql := range []string{
		`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
			VALUES ('szr', '2', 'portal', 'client', '{reports}', 'accepted', 'x')`,
		`UPDATE grants SET tenant = 'szr'`,
		`SELECT erased_among('amaris', '{1}')`,
		`SELECT key FROM erasure_keys`,
		`SELECT * FROM erasures`,
		`SELECT keep_out_erased()`,
	} {
		asPortalRole(t, r, store.Identity{}, func(tx pgx.Tx) {
			portal(tx)
			if _, err := tx.Exec(t.Context(), sql); err == nil {
				t.Errorf("with the scope of grants the portal's role may %s", sql)
			}
		})
	}
}
