package config_test

import "testing"

func TestFaultsOfWorker(t *testing.T) {
	t.Parallel()
	check(t, top("worker: {database: a=b}"),
		"3:worker: has a database for the worker, while the replica itself has none; give `database` too, or remove both")
	check(t, top("database: a=b\nworker: {database: db}"),
		"4:worker.database: must be a PostgreSQL address, such as postgres://dossiersync@db.example:5432/dossiersync")
	if c := mustParse(t, top("database: a=b\nworker: {database: c=d}")); c.Worker.Database.Value != "c=d" {
		t.Errorf("worker.database is %+v", c.Worker.Database)
	}
}
