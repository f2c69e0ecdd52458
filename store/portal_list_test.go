package store_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
	if _, err := r.Pool().Exec(t.Context(), `
		INSERT INTO clients (tenant, id, state, name)
		VALUES ('amaris', 'foreign', 'shown', 'Iemand')`); err != nil {
		t.Fatal(err)
	}
	seedReports(t, r, 2000, `'foreign'`)
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
