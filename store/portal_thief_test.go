package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// These tests walk the table "What a stolen secret opens" of docs/security.md as the thief.

// calls are the functions of the portal with arguments that their SQL signature accepts, for a proof of
// daughter's.
func calls(p *store.Portal) map[string][]any {
	list := store.ListQuery{Kinds: []dossier.Kind{"report", "form"}, Limit: 20, Bodies: true}
	from, to := time.Unix(0, 0), time.Now().AddDate(1, 0, 0)
	var none []string
	return map[string][]any{
		"portal_standing": p.CallArgs("read", daughter, "1"),
		"portal_dossier":  p.CallArgs("read", daughter, "1"),
		"portal_dossiers": p.TenantArgs("read", daughter, "", 100),
		"portal_list":     p.ListArgs(daughter, "1", list),
		"portal_item":     p.CallArgs("read", daughter, "1", "amaris1reports1", "report", ""),
		"portal_density":  p.CallArgs("read", daughter, "1", "day", []string{"report", "form"}, "", from, to, 100),
		"portal_contacts": p.CallArgs("read", daughter, "1", "", 100),
		"portal_accesses": p.CallArgs("read", daughter, "1", from, to, to, "", 100, true),
		"portal_grants":   p.CallArgs("grants", daughter, "1", "", "", 100),
		"portal_put_grant": p.CallArgs("grants", daughter, "2", "thief", "client", true, []string{"reports"}, "accepted",
			nil, nil, nil, nil, "x", "grant", "", "Portaal", false),
		"portal_revoke_grant": p.CallArgs("grants", daughter, "1", "daughter", "x", "grant", "", "Portaal", false),
		"portal_begin_list":   p.TenantArgs("grants", daughter),
		"portal_add_to_list": p.TenantArgs("grants", daughter, 0, none, none, none, []bool{}, none, none,
			[]*time.Time{}, []*time.Time{}, none, none),
		"portal_end_list": p.TenantArgs("grants", daughter, to.AddDate(-1, 0, 0), 0, "x", "grants", "", "Portaal", "dossiersync"),
	}
}

// call calls a function of the portal in a transaction of its own, which is rolled back.
func call(t *testing.T, r *storetest.Replica, name string, args []any) error {
	t.Helper()
	var err error
	asPortalRole(t, r, func(tx pgx.Tx) {
		list := make([]string, len(args))
		for i := range list {
			list[i] = fmt.Sprintf("$%d", i+1)
		}
		_, err = tx.Exec(t.Context(), `SELECT * FROM `+name+`(`+strings.Join(list, ", ")+`)`, args...)
	})
	return err
}

// The portal's password alone opens nothing.
func TestStolenPortalPasswordOpensNothing(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	if err := store.EnsureReader(t.Context(), r.URL, r.ReaderURL); err != nil { // limits this database too
		t.Fatal(err)
	}
	for name, args := range calls(r.Reader) {
		if err := call(t, r, name, args); err != nil && name != "portal_add_to_list" && name != "portal_end_list" {
			t.Fatalf("with a proof %s fails: %v", name, err)
		}
		proof := 4
		if !strings.HasPrefix(name, "portal_begin") && !strings.Contains(name, "list") || name == "portal_list" {
			proof = 5
		}
		if name == "portal_dossiers" {
			proof = 4
		}
		proof--
		for what, forged := range map[string]any{
			"no proof":        nil,
			"an empty proof":  []byte{},
			"a random proof":  []byte(strings.Repeat("x", 40)),
			"a proof cut off": args[proof].([]byte)[:39],
			"a longer proof":  append(append([]byte{}, args[proof].([]byte)...), 0),
		} {
			changed := append([]any{}, args...)
			changed[proof] = forged
			if err := call(t, r, name, changed); codeOf(err) != "DS002" {
				t.Errorf("%s with %s: %v", name, what, err)
			}
		}
		// A proof that the thief has seen is for its tenant, user, client and minute only.
		for i, other := range map[int]any{0: "szr", 1: "manager", 2: "3"} {
			if i == 2 && proof == 3 {
				continue
			}
			changed := append([]any{}, args...)
			changed[i] = other
			if err := call(t, r, name, changed); codeOf(err) != "DS002" {
				t.Errorf("%s with %v in place of %v: %v", name, other, args[i], err)
			}
		}
		changed := append([]any{}, args...)
		changed[proof-1] = args[proof-1].(int64) - 1
		if err := call(t, r, name, changed); codeOf(err) != "DS002" {
			t.Errorf("%s with another minute: %v", name, err)
		}
	}
	// A proof for reading is none for grants.
	if err := call(t, r, "portal_grants", r.Reader.CallArgs("read", daughter, "1", "", "", 100)); codeOf(err) != "DS002" {
		t.Errorf("grants with a proof for reading: %v", err)
	}
	for _, forge := range []string{ // what opened everything before
		`SELECT set_config('dossiersync.tenant', 'amaris', true), set_config('dossiersync.opened', '1', true),
			set_config('dossiersync.readable', '{reports,forms,care-plans}', true),
			set_config('dossiersync.user', 'daughter', true), set_config('dossiersync.purpose', 'grants', true),
			set_config('dossiersync.logged', '{amaris}', true), set_config('dossiersync.managed', '1', true)`,
	} {
		for _, sql := range []string{
			`SELECT count(*) FROM items`, `SELECT * FROM shown_items`, `SELECT * FROM open_dossiers`,
			`SELECT * FROM usable_keys`, `SELECT * FROM proof_keys`, `SELECT * FROM grants`, `SELECT * FROM tenants`,
			`SELECT * FROM access_log`, `SELECT * FROM river_job`,
			`INSERT INTO access_log (tenant, action, event, outcome, user_id, source)
				VALUES ('amaris', 'read', 'x', 'success', 'x', 'portal-api')`,
			`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
				VALUES ('amaris', '1', 'thief', 'client', '{reports}', 'accepted', 'x')`,
			`UPDATE grants SET state = 'accepted'`,
			`LOCK TABLE grants IN ACCESS EXCLUSIVE MODE`, `LOCK TABLE items IN ACCESS SHARE MODE`,
			`SELECT portal_stand('read', 'amaris', 'daughter', '1', NULL, NULL, false)`,
			`SELECT why_standing('amaris', 'daughter', '1')`, `SELECT portal_reset('read', 'amaris', 'daughter', '1')`,
			`SELECT count_items('amaris', '1', '{reports}')`, `SELECT links_of('amaris', '1', '{reports}', 'x', 'y')`,
			`SELECT put_proof_keys('amaris', '{}', '{}', '{}', false)`,
			`SELECT portal_log_grant('amaris', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x')`,
			`SELECT portal_check_actor('amaris', '1', 'daughter', 'daughter')`, `SELECT grantee_name('amaris', '1', 'daughter')`,
			`SELECT why_closed('amaris', '1', 'accepted', NULL, NULL, NULL, now())`,
			`SELECT pg_advisory_lock(hashtextextended('dossiersync grants of szr', 0))`,
			`SELECT pg_try_advisory_xact_lock(1)`, `SELECT pg_advisory_xact_lock_shared(1, 2)`,
			`SELECT lo_creat(-1)`, `SELECT lo_from_bytea(0, 'x')`, `SELECT lo_create(0)`,
			`CREATE TEMPORARY TABLE mine (x int)`, `CREATE TABLE mine (x int)`, `CREATE SCHEMA mine`,
			`CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
			`SET ROLE dossiersync_answers`, `SET ROLE dossiersync`, `SET SESSION AUTHORIZATION dossiersync`,
			`SET temp_file_limit = -1`, `SELECT * FROM pg_authid`, `SELECT * FROM pg_stats WHERE tablename = 'items' LIMIT 1/(
				SELECT 1 - least(1, count(*)) FROM pg_stats WHERE schemaname = 'public')`,
			`COPY items TO STDOUT`, `SELECT pg_read_file('PG_VERSION')`,
		} {
			asPortalRole(t, r, func(tx pgx.Tx) {
				if _, err := tx.Exec(t.Context(), forge); err != nil {
					t.Fatal(err)
				}
				if _, err := tx.Exec(t.Context(), sql); err == nil && !strings.Contains(sql, "pg_stats") {
					t.Errorf("the thief may %s", sql)
				}
			})
		}
	}
	for _, setting := range []string{"lock_timeout 5s", "statement_timeout 1min", "temp_file_limit 256MB",
		"idle_in_transaction_session_timeout 1min"} {
		name, want, _ := strings.Cut(setting, " ")
		asPortalRole(t, r, func(tx pgx.Tx) {
			var got string
			if err := tx.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %s, %v", name, got, err)
			}
		})
	}
}

// An entry of the log is only for the tenant, user and client of its proof.
func TestLogEntryNeedsItsProof(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	p := r.Reader.CallArgs("log", daughter, "1")
	entry := func(tenant, user, client string) []any {
		one := func(s string) []string { return []string{s} }
		return []any{[]any{p[3]}, [][]byte{p[4].([]byte)}, one(tenant), one("read"), one("report"), one("success"), one(user),
			one(""), one(""), one(""), one(""), one(""), one(client), one(""), one("")}
	}
	log := func(args []any) (refused []int32) {
		t.Helper()
		args[0] = []int64{p[3].(int64)}
		asPortalRole(t, r, func(tx pgx.Tx) {
			const q = `SELECT portal_log($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`
			if err := tx.QueryRow(t.Context(), q, args...).Scan(&refused); err != nil {
				t.Fatal(err)
			}
		})
		return refused
	}
	if refused := log(entry("amaris", "daughter", "1")); len(refused) > 0 {
		t.Errorf("with its proof: refused %v", refused)
	}
	for _, e := range [][3]string{{"szr", "daughter", "1"}, {"amaris", "son", "1"}, {"amaris", "daughter", "2"}} {
		if refused := log(entry(e[0], e[1], e[2])); len(refused) != 1 {
			t.Errorf("an entry of %v with the proof of another is taken", e)
		}
	}
}

// With the key too, grants can be written, but not without an entry in the log: a list that revokes too
// many changes nothing, even if the caller commits.
func TestThiefOfKeyChangesNoGrantWithoutLog(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	const many = `
		INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by, updated_at)
		SELECT 'amaris', '9', 'user ' || n, 'contact', '{}', 'accepted', 'x', now() - interval '1 hour'
		FROM generate_series(1, 12) n`
	if _, err := r.Pool().Exec(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	const state = `
		SELECT (SELECT count(*) FROM access_log WHERE event = 'grants'),
		       (SELECT string_agg(client || user_id || state || version, ',' ORDER BY client, user_id)
		        FROM grants WHERE tenant = 'amaris')`
	var logged, loggedNow int
	var before, after string
	if err := r.Pool().QueryRow(t.Context(), state).Scan(&logged, &before); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, r.ReaderURL)
	one, absent := func(s string) []string { return []string{s} }, []*string{nil}
	err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		for _, step := range []struct {
			name string
			args []any
		}{
			{"portal_begin_list", nil},
			{"portal_add_to_list", []any{int64(0), one("1"), one("thief"), one("client"), []bool{true}, one("reports"),
				one("accepted"), []*time.Time{nil}, []*time.Time{nil}, absent, absent}},
			{"portal_end_list", []any{time.Now(), 0, "x", "grants", "", "Portaal", store.SystemUser}},
		} {
			args := r.Reader.TenantArgs("grants", daughter, step.args...)
			if _, err := tx.Exec(t.Context(), `SELECT `+step.name+store.Parameters(len(args)), args...); err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
		}
		return nil // commits
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Pool().QueryRow(t.Context(), state).Scan(&loggedNow, &after); err != nil {
		t.Fatal(err)
	}
	if logged == loggedNow && before != after {
		t.Errorf("grants are changed without an entry in the log:\n%s\nbefore:\n%s", after, before)
	}
}

// A tenant that is bound to a log-in is closed to every other, whatever key it has.
func TestTenantBoundToLogin(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	owner := r.Owner(t)
	bind := func(login string) {
		t.Helper()
		const q = `UPDATE proof_keys SET login = $1 WHERE tenant = 'szr'`
		if _, err := r.Pool().Exec(t.Context(), q, login); err != nil {
			t.Fatal(err)
		}
		// migrate keeps the binding.
		if err := owner.PutProofKeys(t.Context(), r.Keys, false, "amaris", "szr"); err != nil {
			t.Fatal(err)
		}
	}
	son := store.Identity{Tenant: "szr", User: "son"}
	bind("another_portal")
	if _, _, err := r.Reader.Dossier(t.Context(), son, "1"); err == nil {
		t.Error("another log-in reads the tenant's dossier")
	}
	if _, _, err := r.Reader.Dossier(t.Context(), daughter, "1"); err != nil {
		t.Errorf("a tenant that is not bound: %v", err)
	}
	bind("storetest_reader")
	if s, _, err := r.Reader.Dossier(t.Context(), son, "1"); err != nil || s.Dossier == nil {
		t.Errorf("its own log-in: %v", err)
	}
}

// The operators' password opens no content, no name and no key, and gives no right to a dossier.
func TestStolenOpsPasswordOpensNoDossier(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	if _, err := r.Pool().Exec(t.Context(), `UPDATE tenants SET identity_key = 'key'`); err != nil {
		t.Fatal(err)
	}
	pool := r.OpsStore(t).RiverPool()
	for _, sql := range []string{
		`SELECT card FROM items`, `SELECT body FROM items`, `SELECT model FROM items`, `SELECT name FROM clients`,
		`SELECT birth FROM clients`, `SELECT family FROM clients`, `SELECT name FROM grants`, `SELECT raw FROM quarantine`,
		`SELECT * FROM definitions`, `SELECT * FROM shown_items`, `SELECT * FROM open_dossiers`, `SELECT * FROM access_log`,
		`SELECT * FROM proof_keys`, `SELECT * FROM erasure_keys`, `SELECT * FROM erasures`,
		`UPDATE items SET state = 'hidden'`, `DELETE FROM items`, `UPDATE grants SET state = 'accepted'`,
		`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
			VALUES ('amaris', '1', 'thief', 'client', '{reports}', 'accepted', 'x')`,
		`UPDATE tenants SET identity_key = ''`, `UPDATE tenants SET identity_key = NULL`, `UPDATE tenants SET awaiting_grants = NULL`,
		`UPDATE access_log SET user_id = 'x'`, `DELETE FROM access_log`, `CREATE TABLE mine (x int)`,
		`SET ROLE dossiersync_answers`, `SELECT portal_stand('read', 'amaris', 'daughter', '1', NULL, NULL, false)`,
		`SELECT portal_dossier('amaris', 'daughter', '1', 0, '')`, `SELECT put_proof_keys('amaris', '{}', '{}', '{}', false)`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("the operators' role may %s", sql)
		}
	}
}

// The worker's password opens what dossiers say, but no key, and changes nothing that proves what was
// done: not the log, and nothing that only the owner may.
func TestStolenWorkerPasswordChangesNoLogAndNoTable(t *testing.T) {
	t.Parallel()
	l := entries{t, storetest.NewReplica(t)}
	seedTwo(t, l.Replica)
	maintain(t, l.Replica)
	l.insert(time.Now().AddDate(-5, 1, 0).Format(time.RFC3339)) // five years old next month
	maintain(t, l.Replica)
	h := newHarness(t, l.Replica)
	census := []store.Census{{TypeID: reports}}
	if err := l.BeginCensuses(t.Context(), h.claim, census); err != nil {
		t.Fatal(err)
	}
	pool, run := l.RiverPool(), h.claim.Run.ID
	before := l.list()
	var bodies int
	const read = `SELECT count(*) FROM items WHERE body IS NOT NULL`
	if err := pool.QueryRow(t.Context(), read).Scan(&bodies); err != nil || bodies == 0 {
		t.Errorf("the worker reads %d items, %v", bodies, err)
	}
	for _, sql := range []string{
		`UPDATE access_log SET user_id = 'x'`, `DELETE FROM access_log`, `TRUNCATE access_log`,
		`UPDATE access_log_rest SET user_id = 'x'`, `SELECT * FROM access_log_rest`, `DROP TABLE access_log_rest`,
		`INSERT INTO access_log (time, tenant, action, event, outcome, user_id, source)
			VALUES (now() - interval '1 year', 'amaris', 'read', 'x', 'success', 'x', 'portal-api')`,
		`ALTER TABLE access_log DISABLE TRIGGER ALL`, `ALTER TABLE access_log DETACH PARTITION access_log_rest`,
		`LOCK TABLE access_log IN ACCESS EXCLUSIVE MODE`, `SET session_replication_role = replica`,
		`SELECT drop_oldest_log_partition(4, 'x')`, `SELECT drop_oldest_log_partition(-100, 'x')`,
		`SELECT drop_oldest_log_partition(NULL, 'x')`, `SELECT provide_log_partitions(1000000)`,
		`SELECT make_log_table('mine')`, `SELECT attach_log_table('items', '1900-01-01', '1901-01-01')`,
		`SELECT guard_log_partition('items')`, `SELECT access_log_is_append_only()`,
		`SELECT * FROM proof_keys`, `INSERT INTO proof_keys VALUES ('amaris', '12345678')`, `DELETE FROM proof_keys`,
		`SELECT put_proof_keys('amaris', '{}', '{}', '{}', false)`, `SELECT put_proof_keys('amaris', '{}', '{}', '{}', NULL)`,
		`SELECT portal_reset('read', 'amaris', 'daughter', '1')`,
		`SELECT portal_dossier('amaris', 'daughter', '1', 0, '')`, `UPDATE tenant_states SET withholds = false`,
		`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
			VALUES ('amaris', '1', 'thief', 'client', '{reports}', 'accepted', 'x')`,
		`UPDATE grants SET user_id = 'thief'`, `UPDATE grants SET parts = '{reports,forms,care-plans}'`,
		`DELETE FROM erasures`, `DELETE FROM erasure_keys`, `UPDATE erasures SET client = 'x'`,
		`UPDATE dossiersync_schema_version SET version = 1`,
		`CREATE TABLE mine (x int)`, `CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'`, `CREATE SCHEMA mine`,
		`CREATE TRIGGER mine BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION keep_out_erased()`,
		`ALTER TABLE items ADD COLUMN mine int`, `DROP TABLE items`, `TRUNCATE items`, `ALTER TABLE items DISABLE ROW LEVEL SECURITY`,
		`CREATE POLICY mine ON items USING (true)`, `DROP FUNCTION make_census(bigint)`,
		`CREATE ROLE mine`, `ALTER ROLE storetest_reader PASSWORD 'x'`,
		`GRANT dossiersync_reader TO storetest_worker`, `SET ROLE dossiersync_answers`, `SET ROLE dossiersync_ops`,
		`SELECT make_census(0)`, fmt.Sprintf(`SELECT drop_census(%d)`, run), fmt.Sprintf(`DROP TABLE census_%d`, run),
		fmt.Sprintf(`TRUNCATE census_%d`, run), `SELECT lo_creat(-1)`, `SELECT pg_read_file('PG_VERSION')`,
		`COPY items TO PROGRAM 'cat'`, `SELECT * FROM pg_authid`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("the worker's role may %s", sql)
		}
	}
	// Another zone or form of dates makes nothing older.
	for _, settings := range []string{`SET timezone = '<EST>-167'; SET datestyle = 'SQL, DMY'`, `SET search_path = pg_temp`} {
		conn := connect(t, l.WorkerURL)
		const fake = `CREATE TEMPORARY TABLE access_log_rest AS SELECT now() - interval '9 years' AS time`
		for _, sql := range []string{fake, settings, `SELECT public.drop_oldest_log_partition(5, 'x')`} {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Error(err)
			}
		}
	}
	if diff := cmp.Diff(before, l.list()); diff != "" {
		t.Errorf("the log has changed (-before +now):\n%s", diff)
	}
	if _, err := l.Censuses(t.Context(), run); err != nil {
		t.Error(err)
	}
}

// Without BYPASSRLS a worker's log-in cannot store what it reads, and is told so before it begins.
func TestWorkerWithoutCopyIsRefused(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	if err := r.CheckCopy(t.Context()); err != nil {
		t.Error(err)
	}
	err := r.OpsStore(t).CheckCopy(t.Context())
	if err == nil || !strings.Contains(err.Error(), "ALTER ROLE storetest_ops BYPASSRLS") {
		t.Errorf("error is %v, want one that says what to do", err)
	}
}

// A call whose proof does not hold reads nothing but the key, so that its time tells nothing.
func TestRefusedCallReadsNothing(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	clockOf(r.Reader, -time.Hour)
	list := store.ListQuery{Kinds: []dossier.Kind{"report"}, Limit: 20}
	var all plan
	err := explainList(t, r, &all, r.Reader.ListArgs(daughter, "1", list))
	if codeOf(err) != "DS001" || len(all.Plans) == 0 {
		t.Fatalf("a call of an hour ago: %v, %d plans", err, len(all.Plans))
	}
	for _, table := range []string{"tenants", "grants", "clients", "tenant_states", "backfills", "quarantine", "items"} {
		if n := all.touched(table); n != 0 {
			t.Errorf("%v rows of %s are read", n, table)
		}
	}
}
