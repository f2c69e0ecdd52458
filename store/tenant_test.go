package store_test

import (
	"testing"

	"dossiersync/store/storetest"
)

// A ctid is a place within one partition: if table items is partitioned by tenant, other tenants
// have rows in the same place.
func TestItemIsReplacedInItsOwnTenantOnly(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.exec(`ALTER TABLE items RENAME TO whole`)
	r.exec(`CREATE TABLE items (LIKE whole INCLUDING DEFAULTS, PRIMARY KEY (tenant, key)) PARTITION BY LIST (tenant)`)
	r.exec(`CREATE TABLE items_amaris PARTITION OF items FOR VALUES IN ('amaris')`)
	r.exec(`CREATE TABLE items_szr PARTITION OF items FOR VALUES IN ('szr')`)
	r.exec(`GRANT SELECT, INSERT, UPDATE, DELETE ON items TO dossiersync_worker`)
	r.exec(`INSERT INTO items (tenant, key, type, id, stream, state, epoch, version, hash)
		SELECT 'szr', n, 'T', n, 'reports', 'hidden', 1, '1', '\x00' FROM generate_series(1, 9) n`)
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 1))
	r.apply(reports, report("1", "a", "twee", 2))
	if got := r.texts()["1"]; got != "a: twee ()" {
		t.Errorf("got %q", got)
	}
	if got := r.one(`SELECT count(*)::text FROM items WHERE tenant = 'szr'`); got != "9" {
		t.Errorf("%s items of the other tenant are left, want 9", got)
	}
}
