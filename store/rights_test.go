package store_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/storetest"
)

const rightsFile = "testdata/rights.txt"

// rightsOf lists the effective rights of every role but the owner: one line for each role and object,
// with the verbs, and for single columns with the columns.
const rightsOf = `
	WITH roles AS (
		SELECT unnest('{public,dossiersync_reader,dossiersync_answers,dossiersync_ops,
			dossiersync_worker}'::text[]) AS role),
	tables AS (
		SELECT *
		FROM pg_class
		WHERE relnamespace = 'public'::regnamespace
		  AND relkind IN ('r', 'p', 'v', 'm', 'f')),
	rights (role, object, verb) AS (
		SELECT r.role, 'table ' || t.relname, v
		FROM roles r
		CROSS JOIN tables t
		CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) v
		WHERE has_table_privilege(r.role, t.oid, v)
		UNION ALL
		SELECT r.role, 'table ' || t.relname,
		       v || ' (' || string_agg(a.attname::text, ', ' ORDER BY a.attname COLLATE "C") || ')'
		FROM roles r
		CROSS JOIN tables t
		CROSS JOIN unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) v
		JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE NOT has_table_privilege(r.role, t.oid, v)
		  AND has_column_privilege(r.role, t.oid, a.attnum, v)
		GROUP BY r.role, t.relname, v
		UNION ALL
		SELECT r.role, 'sequence ' || s.relname, v
		FROM roles r
		JOIN pg_class s ON s.relnamespace = 'public'::regnamespace AND s.relkind = 'S'
		CROSS JOIN unnest('{USAGE,SELECT,UPDATE}'::text[]) v
		WHERE has_sequence_privilege(r.role, s.oid, v)
		UNION ALL
		SELECT r.role, 'function ' || p.oid::regprocedure,
		       'EXECUTE' || CASE WHEN p.prosecdef THEN ', with the rights of ' || CASE
		           WHEN p.proowner = 'dossiersync_answers'::regrole THEN 'dossiersync_answers'
		           ELSE 'the owner' END ELSE '' END
		FROM roles r
		JOIN pg_proc p ON p.pronamespace = 'public'::regnamespace
		WHERE has_function_privilege(r.role, p.oid, 'EXECUTE')
		  AND p.prorettype <> 'trigger'::regtype
		UNION ALL
		SELECT r.role, 'function ' || p.proname || ' of PostgreSQL', 'EXECUTE'
		FROM roles r
		JOIN pg_proc p ON p.pronamespace = 'pg_catalog'::regnamespace
		WHERE (p.proname ~ '^pg_(try_)?advisory_' OR p.proname ~ '^lo_'
		       OR p.proname IN ('lowrite', 'loread'))
		  AND has_function_privilege(r.role, p.oid, 'EXECUTE')
		GROUP BY r.role, p.proname
		UNION ALL
		SELECT r.role, 'schema ' || n.nspname, v
		FROM roles r
		JOIN pg_namespace n ON n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
		CROSS JOIN unnest('{USAGE,CREATE}'::text[]) v
		WHERE has_schema_privilege(r.role, n.oid, v))
	SELECT format('%s: %s: %s', role, object, string_agg(verb, ', ' ORDER BY verb COLLATE "C"))
	FROM rights
	GROUP BY role, object
	ORDER BY role COLLATE "C", object COLLATE "C"`

// The rights of all roles are those of a file, so that a migration cannot give one unnoticed. Run with
// -update to write the file.
func TestRightsAreThoseOfFile(t *testing.T) {
	t.Parallel()
	got := strings.Join(texts(t, connect(t, storetest.NewReplica(t).URL), rightsOf), "\n") + "\n"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(rightsFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(rightsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s does not have the rights that the migrations give (-file +migrations):\n%s", rightsFile, diff)
	}
}
