package config_test

import "testing"

func TestFaultsOfVariables(t *testing.T) {
	t.Parallel()
	check(t, top("data_dir: ${UNSET}/${ALSO_UNSET}"),
		"3:data_dir: the environment variable UNSET is not set; set it where dossiersync is started, or write the value here",
		"3:data_dir: the environment variable ALSO_UNSET is not set; set it where dossiersync is started, or write the value here")
	check(t, top("data_dir: ${EMPTY}"),
		"3:data_dir: is empty; give it a value, or remove the key")
	check(t, top("data_dir: ${SET"),
		"3:data_dir: has a ${…} without the name of an environment variable; write ${NAME}, or $${ for a plain ${")
	check(t, top("data_dir: ${SET:-x}"),
		"3:data_dir: has a ${…} without the name of an environment variable; write ${NAME}, or $${ for a plain ${")
	check(t, top("database: ${EMPTY}"),
		"3:database: is empty; give it a value, or remove the key")
	check(t, top("database: ${SET}"),
		"3:database: must be a PostgreSQL address, such as postgres://dossiersync@db.example:5432/dossiersync")
	check(t, top("database_file: ${EMPTY}"),
		"3:database_file: is empty; give it a value, or remove the key")
	check(t, tenant("schedule: ${SET}"),
		`6:tenants[0].schedule: "${SET}" does not hold a schedule; write five fields (minute, hour, day of month, month, day of week), such as 0 7-23/4 * * *`)
	check(t, tenant("timezone: ${SET}"),
		`6:tenants[0].timezone: "${SET}" is not a time zone that this machine knows; write a name such as Europe/Amsterdam`)
	check(t, source("page_size: ${SET}"),
		`8:tenants[0].source.fhir.page_size: must be a whole number from 1 to 10000, without quotes, not "${SET}"`)
}
