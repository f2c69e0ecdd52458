package config_test

import "testing"

func TestFaultsOfKeysAndKinds(t *testing.T) {
	t.Parallel()
	check(t, top("databas: x"),
		"3:databas: is not a key here; did you mean database?")
	check(t, top("zzz: x"),
		"3:zzz: is not a key here; the keys here are database, database_file, data_dir, erasures_file, quarantine, access_log, tenants, worker, portal_api, ops")
	check(t, top("\"a\\nb\": x"),
		`3:"a\nb": is not a key here; the keys here are database, database_file, data_dir, erasures_file, quarantine, access_log, tenants, worker, portal_api, ops`)
	check(t, top("${SET}: x"),
		`3:"${SET}": is not a key here; the keys here are database, database_file, data_dir, erasures_file, quarantine, access_log, tenants, worker, portal_api, ops`)
	check(t, top("data_dir: a\ndata_dir: b"),
		"4:data_dir: is given twice, first on line 3; keep one of the two")
	check(t, top("<<: {data_dir: a}"),
		"3:<<: merge keys are not supported; repeat the keys, or share a whole section with an anchor (&name) and an alias (*name)")
	check(t, top("? [a]\n: b"),
		"3:: has a key that is not a single word; write `key: value`")
	check(t, top("data_dir:"),
		"3:data_dir: has no value; give it one, or remove the key")
	check(t, top(`data_dir: ""`),
		"3:data_dir: is empty; give it a value, or remove the key")
	check(t, top("data_dir: [a]"),
		"3:data_dir: must be a single value, not a list")
	check(t, top("data_dir: {a: b}"),
		"3:data_dir: must be a single value, not keys with values")
	check(t, top("data_dir: !!binary aGFsbG8="),
		"3:data_dir: has a YAML tag (!…); write the value without it")
	check(t, top("ops: [a]"),
		"3:ops: must be a section of keys with values, not a list")
	check(t, tenant("Time-Zone: x"),
		"6:tenants[0].Time-Zone: is not a key here; did you mean timezone?")
}
