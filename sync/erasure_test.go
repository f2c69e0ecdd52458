package sync_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	dossiersync "dossiersync/sync"
)

// tablesHolding counts the rows that hold the text by table, except the access log's.
func (h *harness) tablesHolding(text string) map[string]int {
	h.t.Helper()
	rows, err := h.Pool().Query(h.t.Context(), `
		SELECT c.relname, (xpath('/row/n/text()', query_to_xml(format(
			'SELECT count(*) AS n FROM %I t WHERE t::text LIKE %L', c.relname, '%' || $1 || '%'),
			false, true, '')))[1]::text::int
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname NOT LIKE 'access\_log%'`, text)
	if err != nil {
		h.t.Fatal(err)
	}
	found := make(map[string]int)
	for rows.Next() {
		var table string
		var n int
		if err := rows.Scan(&table, &n); err != nil {
			h.t.Fatal(err)
		}
		if n > 0 {
			found[table] = n
		}
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return found
}

// putGrant gives user u the right to read the client's reports.
func (h *harness) putGrant(client string) {
	h.t.Helper()
	h.exec(`
		INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
		VALUES ($1, $2, 'u', 'client', '{reports}', 'accepted', 'x')`, tenant, client)
}

// Case 8: an erased client leaves nothing behind, and does not come back.
func TestCase08ErasedClientLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	const erased = "te-wissen-4711"
	mine := func(id, text string, minute int) dossier.Item { return report(erased+id, erased, text, minute) }
	f := newFakeSource(t, nurse("n1", "Anna", 0), client(erased, 0), client("c2", 0),
		mine("-a", "geheim van te-wissen-4711", 10), mine("-b", "nog meer", 11), report("r2", "c2", "blijft", 10),
		goal(erased+"-g", erased, "lopen", 5), plan(erased+"-p", erased, 6, erased+"-g"),
		unreadable(mine("-c", "", 12), 12, true))
	h := newHarness(t, f)
	h.wantSync(store.OutcomePartial, store.Scope{})
	h.putGrant(erased)
	h.exec(`UPDATE clients SET replaced_by = $2 WHERE tenant = $1 AND id = 'c2'`, tenant, erased)
	h.exec(`
		INSERT INTO quarantine (tenant, key, stream, type, reason, detail)
		VALUES ($1, 'wiens', 'reports', 'T', 'unreadable', '')`, tenant)
	h.wantSync(store.OutcomePartial, store.Scope{Client: erased})
	if len(h.tablesHolding(erased)) < 3 {
		t.Fatalf("it is found only in %v, so the test proves nothing", h.tablesHolding(erased))
	}

	out, err := h.Store.Erase(t.Context(), tenant, erased, "beheer")
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Left) > 0 || len(out.Removed) < 5 {
		t.Errorf("the erasure's report is %+v", out)
	}
	if diff := cmp.Diff([]store.TableCount{{Table: "runs.scope", Rows: 1}, {Table: "clients.replaced_by", Rows: 1}},
		out.Cleared); diff != "" || out.Nameless != 1 {
		t.Errorf("%d items have no client; references from others (-want +got):\n%s", out.Nameless, diff)
	}
	h.exec(`DELETE FROM quarantine WHERE key = 'wiens'`)
	h.putGrant(erased)
	wantNothing := func(when string) {
		t.Helper()
		if got := h.tablesHolding(erased); len(got) > 0 {
			t.Errorf("%s the client is found in %v", when, got)
		}
	}
	wantNothing("after the erasure")
	const logged = `SELECT string_agg(action || ' ' || event || ' ' || user_id, ',') FROM access_log WHERE client = $1`
	if got := h.queryText(logged, erased); !strings.Contains(got, "delete erasure beheer") {
		t.Errorf("the access log has %q", got)
	}

	f.advance(4 * time.Hour)
	f.put(mine("-d", "nieuw", 15*60))
	run := h.wantSync(store.OutcomeComplete, store.Scope{Full: true})
	wantNothing("after a full run")
	if got := totals(run).Reasons["hidden:erased"]; got < 5 {
		t.Errorf("the run counts %d erased", got)
	}
	// A record that is corrected to the erased client is removed as well.
	f.put(report("r2", erased, "blijft", 16*60+30))
	f.advance(time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := h.reportTexts(); len(got) != 0 {
		t.Errorf("shown are %v", h.shownReports())
	}
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	wantNothing("after a reconcile")
	if got := h.verify(dossiersync.VerifyRequest{}); len(got) != 0 {
		t.Errorf("differences: %v", got)
	}
}

// A restored backup holds grants that were revoked since, and dossiers that were erased since.
func TestRestoredBackupHidesWhatEndedSince(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, nurse("n1", "Anna", 0), client("c1", 0), client("c2", 0), report("r1", "c1", "een", 10),
		report("r2", "c2", "twee", 10))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	h.putGrant("c1")
	reader, err := store.OpenPortal(t.Context(), h.ReaderURL, h.Keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reader.Close)
	id := store.Identity{Tenant: tenant, User: "u"}
	if _, _, err := reader.Dossier(t.Context(), id, "c1"); err != nil {
		t.Fatal(err)
	}
	if err := h.Store.MarkRestored(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	// c2 was erased by a version of the program without keys; the others were erased under a key
	// that this database does not have. It does not know the tenant weg either.
	plain := sha256.Sum256([]byte("erasure\x00" + tenant + "\x00c2\x00"))
	key := store.NewErasureKey()
	since := []store.Erasure{
		{Tenant: tenant, Client: plain[:], At: time.Now(), By: "beheer"},
		{Tenant: tenant, Client: key.Digest(tenant, "niet-meer-bekend"), Key: key.ID(), At: time.Now(), By: "beheer"},
		{Tenant: "weg", Client: key.Digest("weg", "c2"), Key: key.ID(), At: time.Now(), By: "beheer"}}
	if n, err := h.Store.EraseAgain(t.Context(), since, nil, true); err == nil || n != 1 {
		t.Fatalf("without the key %d dossiers were erased again, %v", n, err)
	}
	n, err := h.Store.EraseAgain(t.Context(), since, []store.ErasureKey{key}, true)
	if err != nil || n != 0 {
		t.Fatalf("%d dossiers were erased again, %v", n, err)
	}
	if diff := cmp.Diff(map[string]string{"r1": "een"}, h.reportTexts()); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	_, _, err = reader.Dossier(t.Context(), id, "c1")
	if err == nil || !strings.Contains(err.Error(), "waits for all grants") {
		t.Errorf("a reader gets the error %v", err)
	}
	for tenant, client := range map[string]string{tenant: "niet-meer-bekend", "weg": "c2"} {
		const q = `SELECT string_agg(c, ',') FROM erased_among($1, ARRAY[$2, 'iemand']) c`
		if got := h.queryText(q, tenant, client); got != client {
			t.Errorf("erased in %s: %s", tenant, got)
		}
	}
	h.wantSync(store.OutcomeComplete, store.Scope{Full: true})
	if got := h.reportTexts()["r2"]; got != "" {
		t.Error("an erased report came back")
	}
}
