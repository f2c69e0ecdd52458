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

// I8: a forgotten WHERE shows nothing of other users. The role of the portal's functions selects all
// rows and columns it can from every table and view.
func TestFunctionsSeeOnlyRowsOfTheirUser(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	// Rows by table. A table that is missing must not be readable at all. Counts are enough, because
	// all dossiers are equal.
	type counts map[string]int
	with := func(c counts) counts { // what does not depend on rights
		c["tenant_states"], c["tenants"], c["proof_keys"], c["usable_keys"], c["processes"] = 1, 1, 1, 1, 0
		return c
	}
	tests := []struct {
		name   string
		id     store.Identity
		client string
		want   counts
	}{
		{"daughter", store.Identity{Tenant: "amaris", User: "daughter"}, "1", with(counts{
			"items": 5, "shown_items": 5, "clients": 1, "contacts": 1, "open_dossiers": 1, "backfills": 1,
			"quarantine": 1, "held_clients": 1, "withheld": 0, "grants": 1, "access_log": 0})},
		{"daughter, who was only invited", store.Identity{Tenant: "amaris", User: "daughter"}, "2", with(counts{
			"items": 0, "shown_items": 0, "clients": 1, "contacts": 1, "open_dossiers": 1, "backfills": 1,
			"quarantine": 1, "held_clients": 1, "withheld": 0, "grants": 1, "access_log": 0})},
		{"manager", store.Identity{Tenant: "amaris", User: "manager"}, "3", with(counts{
			"items": 5, "shown_items": 5, "clients": 1, "contacts": 1, "open_dossiers": 1, "backfills": 0,
			"quarantine": 1, "held_clients": 1, "withheld": 0, "grants": 1, "access_log": 1})},
		{"son", store.Identity{Tenant: "szr", User: "son"}, "1", with(counts{
			"items": 20, "shown_items": 20, "clients": 1, "contacts": 1, "open_dossiers": 1, "backfills": 1,
			"quarantine": 1, "held_clients": 1, "withheld": 0, "grants": 1, "access_log": 1})},
		{"son elsewhere", store.Identity{Tenant: "amaris", User: "son"}, "", with(counts{
			"items": 0, "shown_items": 0, "clients": 0, "contacts": 0, "open_dossiers": 0, "backfills": 0,
			"quarantine": 0, "held_clients": 0, "withheld": 0, "grants": 0, "access_log": 0})},
		{"no identity", store.Identity{}, "", counts{
			"tenant_states": 0, "tenants": 0, "proof_keys": 0, "usable_keys": 0, "processes": 0,
			"items": 0, "shown_items": 0, "clients": 0, "contacts": 0, "open_dossiers": 0, "backfills": 0,
			"quarantine": 0, "held_clients": 0, "withheld": 0, "grants": 0, "access_log": 0}},
	}
	for _, tt := range tests {
		asAnswers(t, r, tt.id, "read", tt.client, func(tx pgx.Tx) {
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

// The functions of grants see the client that is asked for and its contacts, of one tenant, and nothing
// of any dossier. The function that writes the log sees grants of the tenants that it writes for.
func TestFunctionsOfGrantsSeeNoDossier(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	portal := store.Identity{Tenant: "amaris", User: "portal"}
	for _, tt := range []struct{ purpose, asked, logged, want string }{
		{"grants", "1", "", "clients amaris1, contacts amaris1, grants amaris1 amaris2 amaris3"},
		{"grants", "", "", "grants amaris1 amaris2 amaris3"},
		{"grants", "unknown", "", "grants amaris1 amaris2 amaris3"},
		{"log", "1", "", ""},
		{"log", "", "{szr}", "grants szr1"},
		{"read", "1", "{szr}", ""},
	} {
		asAnswers(t, r, portal, tt.purpose, tt.asked, func(tx pgx.Tx) {
			if _, err := tx.Exec(t.Context(), `SELECT set_config('dossiersync.logged', $1, true)`, tt.logged); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, of := range []string{"clients id", "contacts client", "grants client", "items client", "access_log client"} {
				table, column, _ := strings.Cut(of, " ")
				var rows *string
				q := `SELECT string_agg(DISTINCT tenant || ` + column + `, ' ') FROM ` + table
				if err := tx.QueryRow(t.Context(), q).Scan(&rows); err != nil {
					t.Fatal(err)
				}
				if rows != nil {
					got = append(got, table+" "+*rows)
				}
			}
			if got := strings.Join(got, ", "); got != tt.want {
				t.Errorf("for %s of %q, logging for %q, it sees %s; want %s", tt.purpose, tt.asked, tt.logged, got, tt.want)
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

// The role of the functions writes grants, the log, and that all grants have come, and nothing else.
func TestFunctionsWriteOnlyGrantsAndLog(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	daughter := store.Identity{Tenant: "amaris", User: "daughter"}
	const grant = `INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
		VALUES ('%s', '9', 'daughter', 'contact', '{}', 'accepted', 'x')`
	for purpose, statements := range map[string][]string{
		"read": {
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
			`INSERT INTO tenants (id, name, timezone) VALUES ('x', 'x', 'UTC')`,
			`UPDATE withheld SET released = now()`,
			`INSERT INTO processes (id, kinds, host, pid, version, tenants) VALUES ('x', '{portal}', '', 1, '', '{}')`,
			`CREATE TABLE mine (x int)`,
			fmt.Sprintf(grant, "amaris"),
		},
		"grants": {
			fmt.Sprintf(grant, "szr"),
			`UPDATE grants SET tenant = 'szr'`,
			`SELECT erased_among('amaris', '{1}')`,
			`SELECT key FROM erasure_keys`,
			`SELECT * FROM erasures`,
			`SELECT keep_out_erased()`,
			`INSERT INTO access_log (tenant, action, event, outcome, user_id, source)
				VALUES ('amaris', 'read', 'report', 'success', 'x', 'portal-api')`,
		},
	} {
		for _, sql := range statements {
			asAnswers(t, r, daughter, purpose, "1", func(tx pgx.Tx) {
				if _, err := tx.Exec(t.Context(), sql); err == nil {
					t.Errorf("for %s the functions' role may %s", purpose, sql)
				}
			})
		}
	}
	asAnswers(t, r, daughter, "read", "1", func(tx pgx.Tx) {
		tag, err := tx.Exec(t.Context(), `UPDATE grants SET state = 'accepted', parts = '{reports,forms,care-plans}'`)
		if err != nil || tag.RowsAffected() != 0 {
			t.Errorf("%d grants can be changed by a read, %v", tag.RowsAffected(), err)
		}
	})
	asAnswers(t, r, daughter, "grants", "", func(tx pgx.Tx) {
		var tenants string
		err := tx.QueryRow(t.Context(), `SELECT string_agg(DISTINCT tenant, ',') FROM grants`).Scan(&tenants)
		if err != nil || tenants != "amaris" {
			t.Errorf("the portal's server sees grants of %s, %v", tenants, err)
		}
		tag, err := tx.Exec(t.Context(), `UPDATE grants SET state = 'revoked'`)
		if err != nil || tag.RowsAffected() != 3 {
			t.Errorf("the portal's server changes %d grants, %v", tag.RowsAffected(), err)
		}
	})
}

// I8: every table has row-level security, and the portal's role has no right but to call functions that
// check a proof. The catalogs are asked, so that no new table or function can be forgotten.
func TestPortalRoleHasNoTable(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	maintain(t, r) // makes partitions of the log
	conn := connect(t, r.URL)
	// relations has the relations of schema public, and whether they are ours and whether the
	// portal's role, or the role of its functions, has any right to them.
	const relations = `
		WITH relations AS (
			SELECT c.*,
			       c.relname NOT LIKE 'river%'
			           AND c.relname <> 'dossiersync_schema_version' AS ours,
			       CASE WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN
			           has_table_privilege(r.oid, c.oid,
			               'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
			           OR has_any_column_privilege(r.oid, c.oid,
			               'SELECT, INSERT, UPDATE, REFERENCES')
			       WHEN c.relkind = 'S' THEN
			           has_sequence_privilege(r.oid, c.oid, 'USAGE, SELECT, UPDATE')
			       END AS has_right,
			       r.rolname
			FROM pg_class c
			CROSS JOIN pg_roles r
			WHERE c.relnamespace = 'public'::regnamespace
			  AND r.rolname IN ('dossiersync_reader', 'storetest_reader', 'dossiersync_answers'))
		SELECT DISTINCT relname
		FROM relations
		WHERE `
	for what, q := range map[string]string{
		"table without row-level security": relations + `
			relkind IN ('r', 'p') AND ours AND NOT relrowsecurity`,
		"relation that the portal's role has a right to": relations + `
			rolname <> 'dossiersync_answers' AND has_right`,
		"table of River or tern, or sequence, that the functions have a right to": relations + `
			(NOT ours OR relkind = 'S') AND has_right`,
		"table that belongs to the functions' role": `
			SELECT c.relname
			FROM pg_class c
			WHERE pg_get_userbyid(c.relowner) IN ('dossiersync_answers', 'dossiersync_reader')
			  AND c.relkind NOT IN ('i', 'I', 't', 'c')`,
		"view with the rights of its owner": relations + `
			relkind = 'v' AND ours
			AND NOT coalesce(reloptions @> '{security_invoker=true}', false)`,
		"materialized view, for which there are no policies": relations + `
			relkind = 'm' AND ours`,
		"table that the functions have a right to, without a policy": relations + `
			relkind IN ('r', 'p') AND ours AND has_right
			AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = relations.oid)`,
		"policy that is for others than the functions' role": `
			SELECT tablename || ': ' || policyname
			FROM pg_policies
			WHERE schemaname = 'public'
			  AND (roles && '{public,dossiersync_reader,storetest_reader}'
			       OR policyname IN ('answers', 'added', 'changed', 'received')
			       AND roles <> '{dossiersync_answers}')`,
		"policy that does not compare the tenant": `
			SELECT tablename || ': ' || policyname
			FROM pg_policies
			WHERE schemaname = 'public'
			  AND roles = '{dossiersync_answers}'
			  AND coalesce(qual, with_check) NOT LIKE '%current_setting(''dossiersync.tenant''%'
			  AND coalesce(qual, with_check) NOT LIKE '%current_setting(''dossiersync.logged''%'`,
		"function that anybody may execute": `
			SELECT p.proname
			FROM pg_proc p
			WHERE p.pronamespace = 'public'::regnamespace
			  AND p.proname NOT LIKE 'river%'
			  AND p.prorettype <> 'trigger'::regtype
			  AND has_function_privilege('public', p.oid, 'EXECUTE')`,
		"function of the portal that its caller's settings can mislead": `
			SELECT p.proname
			FROM pg_proc p
			WHERE has_function_privilege('dossiersync_reader', p.oid, 'EXECUTE')
			  AND p.pronamespace = 'public'::regnamespace
			  AND p.prorettype <> 'trigger'::regtype
			  AND p.proname NOT LIKE 'river%'
			  AND p.proname <> 'schema_version'
			  AND (NOT p.prosecdef
			       OR pg_get_userbyid(p.proowner) <> 'dossiersync_answers'
			       OR p.prosrc !~ 'BEGIN\s+(PERFORM|s :=|RETURN) public\.portal_(prove|stand|reset)\(')`,
		// It stands still in a DO of the caller's, and a proof would count for as long as that lasts.
		"function of the portal that takes the time of the statement for the present": `
			SELECT p.proname
			FROM pg_proc p
			WHERE pg_get_userbyid(p.proowner) = 'dossiersync_answers'
			  AND p.prosrc ~ '(statement|transaction)_timestamp'`,
		"role with too many attributes": `
			SELECT rolname
			FROM pg_roles
			WHERE rolname IN ('dossiersync_reader', 'dossiersync_answers')
			  AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb)`,
		"membership of the functions' role": `
			SELECT roleid::regrole::text
			FROM pg_auth_members
			WHERE member IN ('dossiersync_answers'::regrole, 'dossiersync_reader'::regrole)`,
	} {
		for _, name := range texts(t, conn, q) {
			t.Errorf("a %s: %s", what, name)
		}
	}
	got := texts(t, conn, `
		SELECT p.proname
		FROM pg_proc p
		WHERE p.pronamespace = 'public'::regnamespace
		  AND p.proname NOT LIKE 'river%'
		  AND p.prorettype <> 'trigger'::regtype
		  AND has_function_privilege('storetest_reader', p.oid, 'EXECUTE')
		ORDER BY 1`)
	want := []string{
		"portal_accesses", "portal_add_to_list", "portal_alive", "portal_begin_list", "portal_contacts", "portal_density",
		"portal_dossier", "portal_dossiers", "portal_end_list", "portal_grants", "portal_item", "portal_list",
		"portal_log", "portal_put_grant", "portal_revoke_grant", "portal_standing",
		"schema_version", // tells a number, and needs no proof
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("functions that the portal's role may call (-want +got):\n%s", diff)
	}
}

// Function feeds has what package dossier says.
func TestFeedsAreThoseOfParts(t *testing.T) {
	t.Parallel()
	conn := connect(t, storetest.NewReplica(t).URL)
	got := texts(t, conn, `SELECT stream || ' ' || part FROM feeds() ORDER BY (stream || ' ' || part) COLLATE "C"`)
	if diff := cmp.Diff(store.Feeds(), got); diff != "" {
		t.Errorf("what feeds a part (-package dossier +function feeds):\n%s", diff)
	}
}
