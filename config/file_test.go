package config_test

import "testing"

func TestFaultsOfFilesAndSecrets(t *testing.T) {
	t.Parallel()
	check(t, top("database: db.example"),
		"3:database: must be a PostgreSQL address, such as postgres://dossiersync@db.example:5432/dossiersync")
	check(t, top("database: a=b\ndatabase_file: x"),
		"3:database: is given as well as database_file; keep one of the two")
	check(t, top("database_file: missing"),
		`3:database_file: names the file "etc/missing", which cannot be read: file does not exist; relative paths start from the folder of the configuration file`)
	check(t, top("database_file: empty"),
		`3:database_file: names the file "etc/empty", which is empty`)
	check(t, top(`quarantine: {key_file: "/${SET}/missing"}`),
		`3:quarantine.key_file: names the file "/${SET}/missing", which cannot be read: file does not exist; relative paths start from the folder of the configuration file`)
}
