package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// I8: row-level security holds for all that is kept here, and not only for what is
// remembered in a test: the catalogue tells.
func TestEveryTableHasRowLevelSecurity(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	maintain(t, r) // with partitions of the log
	all := func(q string) []string {
		t.Helper()
		rows, err := r.Pool().Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	const ours = ` c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'river%' AND c.relname <> 'dossiersync_schema_version' `
	const readers = ` (has_table_privilege('dossiersync_reader', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
		OR has_any_column_privilege('dossiersync_reader', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')) `
	for what, q := range map[string]string{
		"table without row-level security":                   `SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND ` + ours,
		"table of River or tern that the reader comes to":    `SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT (` + ours + `) AND c.relnamespace = 'public'::regnamespace AND ` + readers,
		"sequence that the reader comes to":                  `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('dossiersync_reader', c.oid, 'USAGE, SELECT, UPDATE') END`,
		"view that does not hold the reader's own rights":    `SELECT c.relname FROM pg_class c WHERE c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false) AND ` + ours,
		"materialized view, for which there are no policies": `SELECT c.relname FROM pg_class c WHERE c.relkind = 'm' AND ` + ours,
		"policy that is not for the reader alone":            `SELECT tablename FROM pg_policies WHERE schemaname = 'public' AND roles <> '{dossiersync_reader}'`,
		"table of which the reader's rights have no policy": `SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p') AND ` + ours + ` AND ` + readers + `
			AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)`,
		"policy that does not ask for the tenant": `SELECT tablename || ': ' || policyname FROM pg_policies
			WHERE schemaname = 'public' AND coalesce(qual, with_check) NOT LIKE '%current_setting(''dossiersync.tenant''%' AND policyname <> 'append'`,
		"right of the reader to remove": `SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
			AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege('dossiersync_reader', c.oid, 'DELETE, TRUNCATE, TRIGGER, REFERENCES')`,
	} {
		for _, name := range all(q) {
			t.Errorf("a %s: %s", what, name)
		}
	}
	// What the reader may call with the owner's rights, and where it may write.
	got := all(`SELECT p.proname FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace
		AND has_function_privilege('dossiersync_reader', p.oid, 'EXECUTE') ORDER BY 1`)
	if diff := cmp.Diff([]string{"grants_received", "identify"}, got); diff != "" {
		t.Errorf("functions with the owner's rights (-want +got):\n%s", diff)
	}
	got = all(`SELECT c.relname || ' ' || x FROM pg_class c, unnest('{INSERT,UPDATE}'::text[]) x
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
			AND has_any_column_privilege('dossiersync_reader', c.oid, x) ORDER BY 1`)
	if diff := cmp.Diff([]string{"access_log INSERT", "grants INSERT", "grants UPDATE"}, got); diff != "" {
		t.Errorf("writes to (-want +got):\n%s", diff)
	}
}

// The portal's scope opens the grants of its own organisation, and none of another.
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
	asReader(t, r, store.Identity{}, func(tx pgx.Tx) {
		portal(tx)
		var tenants string
		if err := tx.QueryRow(t.Context(), `SELECT string_agg(DISTINCT tenant, ',') FROM grants`).Scan(&tenants); err != nil || tenants != "amaris" {
			t.Errorf("it sees grants of %s, %v", tenants, err)
		}
		if tag, err := tx.Exec(t.Context(), `UPDATE grants SET state = 'revoked'`); err != nil || tag.RowsAffected() != 3 {
			t.Errorf("it changes %d grants, %v", tag.RowsAffected(), err)
		}
	})
	for _, sql := range []string{
		`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by) VALUES ('szr', '2', 'portal', 'client', '{reports}', 'accepted', 'x')`,
		`UPDATE grants SET tenant = 'szr'`, `SELECT erased_among('amaris', '{1}')`, `SELECT key FROM erasure_keys`, `SELECT * FROM erasures`,
		`SELECT keep_out_erased()`,
	} {
		asReader(t, r, store.Identity{}, func(tx pgx.Tx) {
			portal(tx)
			if _, err := tx.Exec(t.Context(), sql); err == nil {
				t.Errorf("with the portal's scope the reader's role may %s", sql)
			}
		})
	}
}
