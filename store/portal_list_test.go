package store_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// seedReports adds n reports, and gathers statistics. client is the SQL expression of the client of
// report n.
func seedReports(t *testing.T, r *storetest.Replica, n int, client string) {
	t.Helper()
	for _, sql := range []string{
		fmt.Sprintf(`
			INSERT INTO items (tenant, key, type, id, stream, kind, client, state, part, epoch,
				version, hash, at, category, card, body)
			SELECT 'amaris', 'many' || n, 'T', 'many' || n, 'reports', 'report', %s, 'shown',
			       'reports', 1, '1', '\x00', now() - n * interval '1 hour', 'general', '{}', '{}'
			FROM generate_series(1, %d) n`, client, n),
		`ANALYZE`,
	} {
		if _, err := r.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// A page is read along items_by_client, in both directions, by a generic plan: row-level security keeps
// no condition out of the index, and only the page itself is sorted.
func TestListIsReadAlongIndex(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	seedReports(t, r, 20000, `(n % 20)::text`)
	open := true
	ago := func(months int) time.Time { return time.Now().AddDate(0, -months, 0) }
	start := store.Position{At: ago(1), Key: "k"}
	queries := map[string]store.ListQuery{
		"time line":           {Kinds: []dossier.Kind{"report", "form"}},
		"time line, older":    {Kinds: []dossier.Kind{"report", "form"}, Start: start},
		"time line, newer":    {Kinds: []dossier.Kind{"report", "form"}, Start: start, Newer: true},
		"reports":             {Kinds: []dossier.Kind{"report"}, Category: "general", Bodies: true},
		"reports, newer":      {Kinds: []dossier.Kind{"report"}, Start: start, Newer: true, Bodies: true},
		"reports of a period": {Kinds: []dossier.Kind{"report"}, From: ago(2), To: ago(1)},
		"plans":               {Kinds: []dossier.Kind{"care-plan"}, Open: &open},
	}
	id := store.Identity{Tenant: "amaris", User: "daughter"}
	for name, q := range queries {
		q.Limit = 20
		checkPlan(t, name, plansOfList(t, r, id, "1", q), len(q.Kinds))
	}
}

// I8: a read of a foreign client takes as long as one of a client who does not exist, because no row of
// items is read.
func TestForeignClientReadsNoRow(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	if _, err := r.Pool().Exec(t.Context(), `
		INSERT INTO clients (tenant, id, state, name)
		VALUES ('amaris', 'foreign', 'shown', 'Iemand')`); err != nil {
		t.Fatal(err)
	}
	seedReports(t, r, 2000, `'foreign'`)
	id := store.Identity{Tenant: "amaris", User: "daughter"}
	for _, client := range []string{"foreign", "unknown"} {
		q := store.ListQuery{Kinds: []dossier.Kind{"report", "form"}, Limit: 20}
		if n := plansOfList(t, r, id, client, q).touched("items"); n != 0 {
			t.Errorf("%s: %v rows of items are read", client, n)
		}
	}
}

// plansOfList calls portal_list, and returns the plans of all its statements, below one node.
func plansOfList(t *testing.T, r *storetest.Replica, id store.Identity, client string, q store.ListQuery) plan {
	t.Helper()
	var all plan
	if err := explainList(t, r, &all, r.Reader.ListArgs(id, client, q)); err != nil {
		t.Fatal(err)
	}
	if len(all.Plans) < 2 {
		t.Fatalf("auto_explain has told of %d statements", len(all.Plans))
	}
	return all
}

// explainList calls portal_list, and adds the plans of its statements to all.
func explainList(t *testing.T, r *storetest.Replica, all *plan, args []any) error {
	t.Helper()
	conf, err := pgx.ParseConfig(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	conf.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		_, text, found := strings.Cut(n.Message, "plan:\n")
		if !found {
			return
		}
		var one struct{ Plan plan }
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		all.Plans = append(all.Plans, one.Plan)
	}
	conn, err := pgx.ConnectConfig(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range []string{
		`LOAD 'auto_explain'`,
		`SET auto_explain.log_min_duration = 0`,
		`SET auto_explain.log_nested_statements = on`,
		`SET auto_explain.log_analyze = on`,
		`SET auto_explain.log_format = json`,
		`SET auto_explain.log_level = notice`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	const call = `SELECT * FROM portal_list($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21)`
	_, err = conn.Exec(t.Context(), call, args...)
	return err
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
	// Of one kind, the scan of the second finds no row.
	if scans != 2 {
		t.Errorf("%s: %d scans along the index, want 2", name, scans)
	}
}
