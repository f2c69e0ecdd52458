package store_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dossiersync/store/storetest"
)

// Transactions that end at the same time leave in tenant_states what they have stored together: a lost
// update could show a withheld item.
func TestTenantStateIsThatOfTheTables(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	const hold = `
		INSERT INTO withheld (tenant, item, by, note)
		SELECT 'amaris', $1 || n, 'x', 'x'
		FROM generate_series(1, 2) n`
	const release = `
		UPDATE withheld
		SET released = now(), released_by = 'x', released_note = 'x'
		WHERE item LIKE $1 || '%'`
	const read = `
		UPDATE cursors
		SET as_of = now(), rechecking = $1 = 'recheck'
		WHERE tenant = 'amaris'
		  AND client = ''`
	for round := range 20 {
		var g errgroup.Group
		for n, sql := range []string{hold, read, release, read} {
			conn := connect(t, r.URL)
			arg := fmt.Sprintf("k%d ", round)
			switch sql {
			case release:
				arg = fmt.Sprintf("k%d ", round-1)
			case read:
				arg = []string{"", "recheck"}[n/2]
			}
			g.Go(func() error {
				return pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
					_, err := tx.Exec(t.Context(), sql, arg)
					return err
				})
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		wrong := texts(t, connect(t, r.URL), `
			SELECT format('withholds %s, rechecking %s', s.withholds, s.rechecking)
			FROM tenant_states s
			WHERE s.tenant = 'amaris'
			  AND (NOT s.withholds
			       OR s.rechecking IS DISTINCT FROM ARRAY(
			           SELECT c.rechecking
			           FROM unnest(s.streams) WITH ORDINALITY u (stream, n)
			           JOIN cursors c ON c.tenant = s.tenant AND c.stream = u.stream AND c.client = ''
			           ORDER BY u.n))`)
		if len(wrong) > 0 {
			t.Fatalf("after round %d the state is %v", round, wrong)
		}
	}
	conn := connect(t, r.URL)
	if _, err := conn.Exec(t.Context(), `DELETE FROM withheld`); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, conn, `SELECT withholds::text FROM tenant_states WHERE tenant = 'amaris'`); got[0] != "false" {
		t.Errorf("withholds is %v with nothing withheld", got)
	}
}
