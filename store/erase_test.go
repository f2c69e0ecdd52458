package store_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// An underscore in a key is not a wildcard: decisions on other items stay.
func TestErasureKeepsDecisionsOnOtherItems(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	id := ""
	for n := 0; !strings.Contains(keyOf(id), "_"); n++ {
		id = strconv.Itoa(n)
	}
	r.apply(patients, patient("a", 0))
	r.apply(reports, report(id, "a", "x", 1))
	others := "Observation/" + strings.ReplaceAll(keyOf(id), "_", "x")
	r.exec(`
		INSERT INTO decisions (tenant, by, what, object, reason)
		SELECT 'amaris', 'x', 'discard', o, 'x'
		FROM unnest($1::text[]) o`,
		[]string{"Observation/" + keyOf(id), others})
	erased, err := r.Erase(t.Context(), tenant, "a", "beheer")
	if err != nil || len(erased.Left) > 0 {
		t.Fatalf("the report says %+v, %v", erased, err)
	}
	if got := r.one(`SELECT string_agg(object, ' ') FROM decisions`); got != others {
		t.Errorf("decisions on %q stay, want on %q", got, others)
	}
}

// A table that names clients is erased from, unless the law says that its rows stay (NEN 7513).
func TestErasureKnowsEveryTableOfClients(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	tables := strings.Fields(r.one(`
		SELECT string_agg(table_name, ' ')
		FROM information_schema.columns
		JOIN information_schema.tables USING (table_schema, table_name)
		WHERE table_schema = 'public'
		  AND table_type = 'BASE TABLE'
		  AND column_name = 'client'
		  AND table_name NOT LIKE 'access_log%'`))
	if len(tables) < 5 {
		t.Fatalf("only %v have clients", tables)
	}
	// Table censuses names the client up to which a list has come, until the run ends.
	for _, table := range tables {
		if table != "erasures" && table != "censuses" && !slices.Contains(store.TracedTables(), table) {
			t.Errorf("%s names clients, and an erasure leaves its rows", table)
		}
	}
}
